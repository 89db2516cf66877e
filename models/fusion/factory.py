"""Fusions by the word that chooses them in configuration."""

from __future__ import annotations

from models.fusion.attention import Attention
from models.fusion.concat import Concat
from models.fusion.cross_attention import CrossAttention
from models.fusion.features import Features
from models.fusion.gated import Gated
from models.fusion.interface import Fusion

CLASSES: dict[str, type[Fusion]] = {
    "attention": Attention,
    "concat": Concat,
    "features": Features,
    "gated": Gated,
    "cross_attention": CrossAttention,
}
"""Fusions of vectors; `late_weighted` and `late_vote` fuse whole recommenders instead (`models.recommender.late_fusion`)."""


def make(name: str, modalities: int, dim: int) -> Fusion:
    """A fusion of vectors by name.

    Raises:
        KeyError: If there is none of that name.
    """
    return CLASSES[name](modalities, dim)
