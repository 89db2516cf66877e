"""Softmax over the modalities that are present."""

from __future__ import annotations

from torch import Tensor

import models.mkl_warm_up  # noqa: F401

MASKED_SCORE = -1e9
"""Score of a missing modality in a softmax. Not minus infinity: a row without any modality would become
NaN."""


def compute_masked_softmax(scores: Tensor, present: Tensor) -> Tensor:
    """Return the softmax over the last dimension's present entries; zeros where there is none.

    Args:
        scores: `(..., m)`.
        present: `(..., m) bool`.
    """
    lowest = scores.masked_fill(~present, MASKED_SCORE)
    return lowest.softmax(-1) * present
