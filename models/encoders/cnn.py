"""The default image encoder: fixed image features, concatenated with a small CNN trained on the shop."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import models.mkl_warm_up  # noqa: F401
from models.dataset import FloatArray
from models.encoders.device import choose_device
from models.encoders.image import IMAGENET_MEAN, IMAGENET_STD, Picture
from models.encoders.image_features import FEATURE_WIDTHS, compute_image_features
from models.encoders.safetensors_loading import digest_model_folder, fill_module, load_weights, save_weights

INPUT_SIDE = 64
"""Pixels a side of the network's input: enough to distinguish products, at a twelfth of the cost of 224."""
BATCH = 128
"""Pictures that are encoded together."""


class Residual(nn.Module):
    """A residual block that halves the side (He et al., 2016), with group normalization.

    Group normalization does not depend on the batch, so a picture has the same vector in every batch.

    Args:
        before: Channels of the input.
        after: Channels of the output, a multiple of 4.
    """

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.one = nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False)
        self.two = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.first, self.second = nn.GroupNorm(4, after), nn.GroupNorm(4, after)
        self.short = nn.Conv2d(before, after, 1, stride=2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return `(n, after, h / 2, w / 2)` from `(n, before, h, w)`."""
        inner = nn.functional.relu(self.first(self.one(x)))
        return nn.functional.relu(self.second(self.two(inner)) + self.short(x))


class Cnn(nn.Module):
    """A small residual network.

    Args:
        dim: Width of its vectors.
        width: Channels of the first convolution, a multiple of 4.
    """

    def __init__(self, dim: int = 64, width: int = 16) -> None:
        super().__init__()
        self.dim, self.width = dim, width
        self.enter = nn.Conv2d(3, width, 3, stride=2, padding=1)  # 64 → 32
        self.blocks = nn.Sequential(
            Residual(width, 2 * width), Residual(2 * width, 4 * width), Residual(4 * width, 4 * width)
        )  # 32 → 4
        self.leave = nn.Linear(4 * width * 16, dim)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return vectors `(n, dim)` of length 1 from normalized pixels `(n, 3, 64, 64)`.

        The last maps are flattened, not averaged: products are photographed alike, so positions carry
        information.
        """
        maps = self.blocks(nn.functional.relu(self.enter(pixels)))  # (n, 4w, 4, 4)
        return nn.functional.normalize(self.leave(maps.flatten(1)), dim=1)


class ShopImageNetwork(nn.Module):
    """Principal axes of the fixed features, concatenated with the network's vector, with equal weight.

    Args:
        dim: Width of the network's vector.
        width: Channels of its first convolution.
        axes: Principal axes of the fixed features that are kept.
    """

    mean: Tensor
    scale: Tensor
    rotation: Tensor

    def __init__(self, dim: int = 64, width: int = 16, axes: int = 64) -> None:
        super().__init__()
        self.axes = axes
        self.cnn = Cnn(dim, width)
        self.dim = axes + dim
        total = sum(FEATURE_WIDTHS.values())
        self.register_buffer("mean", torch.zeros(total))
        self.register_buffer("scale", torch.ones(total))
        self.register_buffer("rotation", torch.eye(total, axes))

    def fit_fixed_features(self, groups: dict[str, Tensor]) -> None:
        """Fit means, scales and principal axes of the fixed features.

        Each group of features is scaled as a whole to the same total variance, so that no group decides the
        axes alone.

        Args:
            groups: `(n, width)` of each group, from `compute_image_features` on the pictures of a catalogue.
        """
        features = torch.cat(list(groups.values()), 1)
        self.mean = features.mean(0)
        spread = [
            ((group - group.mean(0)).square().sum(1).mean().sqrt() + 1e-6).expand(group.shape[1])
            for group in groups.values()
        ]
        self.scale = torch.cat(spread).contiguous()
        _, _, axes = torch.linalg.svd((features - self.mean) / self.scale, full_matrices=False)
        self.rotation = torch.zeros_like(self.rotation)
        kept = min(self.axes, len(axes))
        # The sign of a principal axis is arbitrary; it is fixed, so that every machine gives the same axes.
        signs = torch.sign(axes.gather(1, axes.abs().argmax(1, keepdim=True)))
        self.rotation[:, :kept] = (axes * signs)[:kept].T

    def forward(self, pixels: Tensor) -> Tensor:
        """Return `(n, axes + dim)` of length 1 from `(n, 3, 224, 224) float32` in [0, 1]."""
        features = torch.cat(list(compute_image_features(pixels).values()), 1)
        fixed = nn.functional.normalize(((features - self.mean) / self.scale) @ self.rotation, dim=1)
        learned = self.cnn(shrink_pixels(pixels))
        return torch.cat([fixed, learned], 1) / 2**0.5  # both halves have length 1


def shrink_pixels(pixels: Tensor) -> Tensor:
    """Return the network's input `(n, 3, 64, 64)` from `(n, 3, 224, 224)` in [0, 1].

    Normalized with ImageNet's means and deviations.
    """
    shrunk = nn.functional.interpolate(pixels, INPUT_SIDE, mode="area")
    mean, std = (
        torch.tensor(values, device=pixels.device)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD)
    )
    return (shrunk - mean) / std


def stack_pixels(batch: Sequence[Picture]) -> Tensor:
    """Return pictures as one batch `(n, 3, 224, 224) float32` in [0, 1]."""
    return torch.from_numpy(np.stack(batch)).permute(0, 3, 1, 2).float() / 255


class ShopImageEncoder:
    """The default image encoder, loaded from the folder that `save_shop_image` wrote.

    Args:
        folder: Folder of one version.
        device: `auto`, `cpu`, `cuda` or `cuda:1`, see `choose_device`.

    Raises:
        EncoderError: If the folder lacks a file or one is damaged.
    """

    def __init__(self, folder: Path, device: str = "auto") -> None:
        tensors, config = load_weights(folder)
        self.module = ShopImageNetwork(**config["module"])
        fill_module(self.module, tensors, folder)
        self.device = choose_device(device)
        self.module = self.module.to(self.device).eval()
        self.name, self.dim = "cnn", self.module.dim
        self.learned_columns, self.settings = (self.module.axes, self.dim), dict[str, Any]()
        self.about: dict[str, Any] = config.get("about", {})
        self.fingerprint = f"{self.name}:{digest_model_folder(folder)}"

    def encode(self, batch: Sequence[Picture]) -> FloatArray:
        """Return `(len(batch), dim) float32` of length 1."""
        return encode_pictures(self.module, batch, self.device)

    def prepare(self, content: Picture) -> Tensor:
        """Return the network's input `(3, 64, 64) float16`; the fixed features have no weights to train."""
        return shrink_pixels(stack_pixels([content]))[0].half()

    def vectors(self, prepared: Sequence[Tensor]) -> Tensor:
        """Return the learned columns alone, `(len(prepared), dim of the network)`, with gradients."""
        pixels = torch.stack(list(prepared)).to(self.module.mean.device).float()
        learned: Tensor = self.module.cnn(pixels)
        return learned / 2**0.5

    def save(self, folder: Path) -> None:
        """Write the encoder so that `ShopImageEncoder` loads it from the folder."""
        save_shop_image(self.module, folder, self.about)


@torch.inference_mode()
def encode_pictures(
    module: ShopImageNetwork, pictures: Sequence[Picture], device: torch.device | None = None
) -> FloatArray:
    """Return vectors `(pictures, dim) float32` of length 1.

    Args:
        module: Network in evaluation mode.
        pictures: The pictures.
        device: Device of the module.
    """
    vectors = np.zeros((len(pictures), module.dim), np.float32)
    for start in range(0, len(pictures), BATCH):
        part = stack_pixels(pictures[start : start + BATCH]).to(device)
        vectors[start : start + BATCH] = module(part).cpu().numpy()
    return vectors


def save_shop_image(module: ShopImageNetwork, folder: Path, about: dict[str, Any]) -> None:
    """Write the encoder so that `ShopImageEncoder` loads it from the folder.

    Args:
        module: The network and the fixed features' statistics.
        folder: Destination folder.
        about: How it was trained; stored with the weights.
    """
    shape = {"dim": module.cnn.dim, "width": module.cnn.width, "axes": module.axes}
    save_weights(folder, module.state_dict(), {"module": shape, "about": about})
