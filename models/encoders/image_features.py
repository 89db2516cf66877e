"""Image features without learning: colour histograms, a lightness map, and gradient histograms."""

from __future__ import annotations

import torch
from torch import Tensor

import models.mkl_warm_up  # noqa: F401

HUES, TONES, CELLS, DIRECTIONS = 16, 8, 4, 8
"""Bins of hue, of saturation and lightness, cells a side of the edge grid, bins of gradient direction."""
REDUCED_SIDE = 56
"""Pictures are reduced to 56 × 56 pixels first."""
FEATURE_WIDTHS = {"colour": HUES + 2 * TONES, "light": 14 * 14, "edges": CELLS * CELLS * DIRECTIONS}
"""Widths of the three groups of features."""


def compute_image_features(pixels: Tensor) -> dict[str, Tensor]:
    """Return the three groups of features of pictures, `(n, width) float32` each.

    `colour`: a histogram of hues weighted by saturation, and of saturation and lightness (Swain and Ballard,
    1991). `light`: a coarse map of lightness, free of its mean and contrast. `edges`: histograms of gradient
    directions in a 4 × 4 grid (Dalal and Triggs, 2005).

    Args:
        pixels: `(n, 3, 224, 224) float32` in [0, 1].
    """
    small = torch.nn.functional.adaptive_avg_pool2d(pixels, REDUCED_SIDE)  # (n, 3, 56, 56)
    lightness = small.mean(1)  # (n, 56, 56)
    return {
        "colour": _compute_colour(small),
        "light": _compute_light(lightness),
        "edges": _compute_edges(lightness),
    }


def _compute_colour(pixels: Tensor) -> Tensor:
    """Return histograms of hue, saturation and lightness, `(n, 32)`."""
    red, green, blue = pixels.flatten(2).unbind(1)  # (n, 3136) each
    highest, lowest = torch.stack([red, green, blue]).amax(0), torch.stack([red, green, blue]).amin(0)
    chroma = highest - lowest
    # Hue by projection onto the colour circle: smooth everywhere, unlike HSV's piecewise formula.
    angle = torch.atan2(3**0.5 * (green - blue), 2 * red - green - blue)
    hues = _compute_soft_histogram((angle / (2 * torch.pi)) % 1, HUES, chroma, is_circle=True)
    everywhere = torch.ones_like(chroma)
    return torch.cat(
        [
            hues,
            _compute_soft_histogram(chroma, TONES, everywhere),
            _compute_soft_histogram((highest + lowest) / 2, TONES, everywhere),
        ],
        1,
    )


def _compute_soft_histogram(values: Tensor, bins: int, weights: Tensor, is_circle: bool = False) -> Tensor:
    """Return histograms `(n, bins)` that sum to 1, each value in [0, 1] divided between two bins.

    Hard bins would change abruptly with small changes of light.
    """
    place = values * bins if is_circle else values.clamp(0, 1) * (bins - 1)
    low = place.floor()
    share = place - low
    first = low.long() % bins
    second = (first + 1) % bins
    total = torch.zeros(len(values), bins, device=values.device)
    total.scatter_add_(1, first, weights * (1 - share))
    total.scatter_add_(1, second, weights * share)
    return total / total.sum(1, keepdim=True).clamp(min=1e-6)


def _compute_light(lightness: Tensor) -> Tensor:
    """Return the standardized map of lightness, `(n, 196)`."""
    coarse = torch.nn.functional.adaptive_avg_pool2d(lightness, 14).flatten(1)
    return (coarse - coarse.mean(1, keepdim=True)) / (coarse.std(1, keepdim=True) + 0.02)


def _compute_edges(lightness: Tensor) -> Tensor:
    """Return histograms of gradient directions by cell, weighted by strength, `(n, 128)`."""
    down = lightness[:, 2:, 1:-1] - lightness[:, :-2, 1:-1]
    across = lightness[:, 1:-1, 2:] - lightness[:, 1:-1, :-2]  # (n, 54, 54)
    strength = (down.square() + across.square()).sqrt()
    place = (torch.atan2(down, across) / torch.pi % 1) * DIRECTIONS  # an edge and its negative are alike
    bins = place.long() % DIRECTIONS
    spread = torch.nn.functional.one_hot(bins, DIRECTIONS).permute(0, 3, 1, 2) * strength.unsqueeze(1)
    cells = torch.nn.functional.adaptive_avg_pool2d(spread, CELLS).flatten(1)  # (n, 128)
    return cells / (cells.norm(dim=1, keepdim=True) + 1e-3)
