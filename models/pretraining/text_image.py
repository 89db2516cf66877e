"""Contrastive text–image pretraining: a picture and its item's text are partners (CLIP, 2021)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import models.mkl_warm_up  # noqa: F401
from models.pretraining.info_nce import compute_info_nce


class TextImageContrast(nn.Module):
    """Projections of pictures and texts into one space; the text encoder is frozen, its vectors are given.

    Args:
        dim: Width of the image encoder's vectors.
        texts: `(n, d) float32`, the vector of the text of picture i in row i.
        space: Width of the common space.
    """

    texts: Tensor
    same: Tensor

    def __init__(self, dim: int, texts: Tensor, space: int = 64) -> None:
        super().__init__()
        self.register_buffer("texts", nn.functional.normalize(texts - texts.mean(0), dim=1))
        # Variants of a phone share their text: they are partners of each other's pictures, not negatives.
        self.register_buffer("same", torch.unique(texts, dim=0, return_inverse=True)[1])
        self.from_image, self.from_text = nn.Linear(dim, space), nn.Linear(texts.shape[1], space)

    def project_images(self, images: Tensor) -> Tensor:
        """Return image vectors `(b, dim)` in the common space, `(b, space)` of length 1."""
        return nn.functional.normalize(self.from_image(images), dim=1)

    def project_texts(self, texts: Tensor) -> Tensor:
        """Return centred text vectors `(b, d)` in the common space, `(b, space)` of length 1."""
        return nn.functional.normalize(self.from_text(texts), dim=1)

    def loss(self, images: Tensor, rows: Tensor, temperature: float) -> Tensor:
        """Return symmetric InfoNCE of a batch.

        Args:
            images: `(b, dim)` vectors of pictures.
            rows: `(b,) int64`, which pictures they are.
            temperature: Divides the cosines.
        """
        return compute_info_nce(
            self.project_images(images), self.project_texts(self.texts[rows]), temperature, self.same[rows]
        )
