"""The default image encoder: fixed features of the looks beside a small convolutional network trained on the shop."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import models.mkl_warm_up  # noqa: F401
from models.data import FloatArray
from models.encoders.image import IMAGENET_MEAN, IMAGENET_STD, Picture
from models.encoders.image_features import WIDTHS, looks
from models.encoders.weights import chosen_device, digest_of_folder, fill, load, save

SIDE = 64
"""The network sees 64 × 64 pixels: what tells products apart at a glance, at a twelfth of the cost."""
BATCH = 128


class Residual(nn.Module):
    """Two convolutions beside a short cut, halving the side (He et al., 2016, with group normalisation)."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.one = nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False)
        self.two = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.first, self.second = nn.GroupNorm(4, after), nn.GroupNorm(4, after)
        self.short = nn.Conv2d(before, after, 1, stride=2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """`(n, after, h / 2, w / 2)` from `(n, before, h, w)`."""
        inner = nn.functional.relu(self.first(self.one(x)))
        return nn.functional.relu(self.second(self.two(inner)) + self.short(x))


class Cnn(nn.Module):
    """`(n, 3, 64, 64)` normalised pixels → `(n, dim)` of length 1."""

    def __init__(self, dim: int = 64, width: int = 16) -> None:
        super().__init__()
        self.dim, self.width = dim, width
        self.enter = nn.Conv2d(3, width, 3, stride=2, padding=1)  # 64 → 32
        self.blocks = nn.Sequential(
            Residual(width, 2 * width), Residual(2 * width, 4 * width), Residual(4 * width, 4 * width)
        )  # 32 → 4
        self.leave = nn.Linear(4 * width * 16, dim)

    def forward(self, pixels: Tensor) -> Tensor:
        """Vectors; where things are in the picture is kept, as products are photographed alike."""
        maps = self.blocks(nn.functional.relu(self.enter(pixels)))  # (n, 4w, 4, 4)
        return nn.functional.normalize(self.leave(maps.flatten(1)), dim=1)


class ShopImage(nn.Module):
    """Looks, brought to equal weight by group and to fewer dimensions by their principal axes, beside the network.

    Args:
        axes: Principal axes of the looks that are kept.
    """

    mean: Tensor
    scale: Tensor
    rotation: Tensor

    def __init__(self, dim: int = 64, width: int = 16, axes: int = 64) -> None:
        super().__init__()
        self.axes = axes
        self.cnn = Cnn(dim, width)
        self.dim = axes + dim
        total = sum(WIDTHS.values())
        self.register_buffer("mean", torch.zeros(total))
        self.register_buffer("scale", torch.ones(total))
        self.register_buffer("rotation", torch.eye(total, axes))

    def fit_looks(self, groups: dict[str, Tensor]) -> None:
        """Learn means, scales and principal axes from the `looks` of a catalogue, `(n, width)` each."""
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
        # an axis has no direction of its own: fix its sign, so that every machine gives the same
        signs = torch.sign(axes.gather(1, axes.abs().argmax(1, keepdim=True)))
        self.rotation[:, :kept] = (axes * signs)[:kept].T

    def forward(self, pixels: Tensor) -> Tensor:
        """`(n, dim)` of length 1 from `(n, 3, 224, 224)` in [0, 1]."""
        features = torch.cat(list(looks(pixels).values()), 1)
        fixed = nn.functional.normalize(((features - self.mean) / self.scale) @ self.rotation, dim=1)
        learned = self.cnn(small(pixels))
        return torch.cat([fixed, learned], 1) / 2**0.5


def small(pixels: Tensor) -> Tensor:
    """`(n, 3, 64, 64)` with ImageNet's means and deviations taken out, from `(n, 3, 224, 224)` in [0, 1]."""
    shrunk = nn.functional.interpolate(pixels, SIDE, mode="area")
    mean, std = (
        torch.tensor(values, device=pixels.device)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD)
    )
    return (shrunk - mean) / std


def pixels_of(batch: Sequence[Picture]) -> Tensor:
    """`(n, 3, 224, 224) float32` in [0, 1]."""
    return torch.from_numpy(np.stack(batch)).permute(0, 3, 1, 2).float() / 255


class ShopCnn:
    """The default image encoder, loaded from the folder that `save_shop_image` wrote."""

    def __init__(self, folder: Path, device: str = "auto") -> None:
        tensors, config = load(folder)
        self.module = ShopImage(**config["module"])
        fill(self.module, tensors, folder)
        self.device = chosen_device(device)
        self.module = self.module.to(self.device).eval()
        self.name, self.dim = "cnn", self.module.dim
        self.learned, self.settings = (self.module.axes, self.dim), dict[str, Any]()
        self.about: dict[str, Any] = config.get("about", {})
        self.fingerprint = f"{self.name}:{digest_of_folder(folder)}"

    def encode(self, batch: Sequence[Picture]) -> FloatArray:
        """`(len(batch), dim) float32` of length 1."""
        return encode_pictures(self.module, batch, self.device)

    def prepare(self, content: Picture) -> Tensor:
        """`(3, 64, 64) float16`: what the network sees; the fixed features beside it do not learn."""
        return small(pixels_of([content]))[0].half()

    def vectors(self, prepared: Sequence[Tensor]) -> Tensor:
        """`(len(prepared), dim of the network)`, the learned columns alone, with gradients."""
        pixels = torch.stack(list(prepared)).to(self.module.mean.device).float()
        learned: Tensor = self.module.cnn(pixels)
        return learned / 2**0.5

    def save(self, folder: Path) -> None:
        """Write it as `ShopCnn` reads it."""
        save_shop_image(self.module, folder, self.about)


@torch.inference_mode()
def encode_pictures(
    module: ShopImage, pictures: Sequence[Picture], device: torch.device | None = None
) -> FloatArray:
    """`(pictures, dim) float32` of length 1."""
    vectors = np.zeros((len(pictures), module.dim), np.float32)
    for start in range(0, len(pictures), BATCH):
        part = pixels_of(pictures[start : start + BATCH]).to(device)
        vectors[start : start + BATCH] = module(part).cpu().numpy()
    return vectors


def save_shop_image(module: ShopImage, folder: Path, about: dict[str, Any]) -> None:
    """Write the encoder as `ShopCnn` reads it; `about` says how it was trained."""
    shape = {"dim": module.cnn.dim, "width": module.cnn.width, "axes": module.axes}
    save(folder, module.state_dict(), {"module": shape, "about": about})
