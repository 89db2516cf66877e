"""Contrastive pretraining of the CNN on two augmented views of each picture (Chen et al., SimCLR, 2020)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.encoders.cnn import INPUT_SIDE, ShopImageNetwork, shrink_pixels, stack_pixels
from models.encoders.image import Picture
from models.encoders.image_features import compute_image_features
from models.pretraining.config import ImagePretraining
from models.pretraining.info_nce import compute_info_nce
from models.pretraining.text_image import TextImageContrast
from models.pretraining.training_loop import StepProgress, hide_progress, minimize_loss, seed_generator

FEATURE_BATCH = 256
"""Pictures whose features are computed together; 256 of 224 × 224 in float32 are 154 MB."""
MIN_SIDE = 0.8
"""A view shows at least this share of each side; smaller crops would remove what distinguishes phones."""


def augment_pictures(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Return each picture cropped, slightly tinted and with noise, like a customer's photo of the product.

    Unlike SimCLR there is no strong colour jitter, because colours matter to buyers.

    Args:
        pixels: `(n, 3, 64, 64) float32`, normalized.
        generator: Draws the augmentation.
    """
    count = len(pixels)
    sides = MIN_SIDE + (1 - MIN_SIDE) * torch.rand(count, 2, generator=generator)
    shifts = (2 * torch.rand(count, 2, generator=generator) - 1) * (1 - sides)
    grid = torch.zeros(count, 2, 3)
    grid[:, 0, 0], grid[:, 1, 1] = sides[:, 0], sides[:, 1]
    grid[:, :, 2] = shifts
    places = nn.functional.affine_grid(grid, [count, 3, INPUT_SIDE, INPUT_SIDE], align_corners=False)
    cropped = nn.functional.grid_sample(pixels, places, padding_mode="reflection", align_corners=False)
    tint = 1 + 0.15 * (2 * torch.rand(count, 3, 1, 1, generator=generator) - 1)
    noise = (
        torch.randn(cropped.shape, generator=generator)
        * 0.15
        * torch.rand(count, 1, 1, 1, generator=generator)
    )
    return cropped * tint + noise


def _fit_fixed_features(pictures: Sequence[Picture], module: ShopImageNetwork) -> Tensor:
    """Fit the module's fixed features; return the network's input, `(n, 3, 64, 64) float32`."""
    groups, reduced = [], []
    with torch.no_grad():
        for start in range(0, len(pictures), FEATURE_BATCH):
            pixels = stack_pixels(pictures[start : start + FEATURE_BATCH])
            groups.append(compute_image_features(pixels))
            reduced.append(shrink_pixels(pixels))
        module.fit_fixed_features({name: torch.cat([group[name] for group in groups]) for name in groups[0]})
    return torch.cat(reduced)


def pretrain_image(
    pictures: Sequence[Picture],
    texts: Tensor | None,
    config: ImagePretraining,
    seed: int,
    progress: StepProgress = hide_progress,
) -> tuple[ShopImageNetwork, list[float]]:
    """Train the default image encoder on the shop's pictures; return it with its losses, one per step.

    Args:
        pictures: At least one.
        texts: `(pictures, d)` vectors of the items' texts, for the objective `text_image`.
        config: Objectives, sizes and steps.
        seed: Seed of the weights and of the batches.
        progress: Shows the steps.

    Raises:
        NonFiniteLoss: If the loss does not stay finite.
    """
    with seed_generator(seed) as generator:
        module = ShopImageNetwork(config.dim, config.width, config.axes)
        reduced = _fit_fixed_features(pictures, module)
        pairing = (
            TextImageContrast(config.dim, texts)
            if texts is not None and "text_image" in config.objectives
            else None
        )
        batch = min(config.batch, len(reduced))

        def loss(step: int) -> Tensor:  # noqa: ARG001
            rows = torch.randperm(len(reduced), generator=generator)[:batch]
            one = module.cnn(augment_pictures(reduced[rows], generator))
            total = torch.zeros(())
            if "image_views" in config.objectives:
                total = total + compute_info_nce(
                    one, module.cnn(augment_pictures(reduced[rows], generator)), config.temperature
                )
            if pairing is not None:
                total = total + pairing.loss(one, rows, config.temperature)
            return total

        modules: list[nn.Module] = [module.cnn, *([pairing] if pairing is not None else [])]
        can_train = batch > 1 and ("image_views" in config.objectives or pairing is not None)
        steps = config.steps if can_train else 0  # otherwise the network keeps its initial weights
        losses = minimize_loss(modules, loss, steps, config.learning_rate, "pretrain images", progress)
    return module.eval(), losses
