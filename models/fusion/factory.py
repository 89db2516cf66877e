"""Fusions by their name in the configuration."""

from __future__ import annotations

from models.fusion.attention import Attention
from models.fusion.concat import Concat
from models.fusion.cross_attention import CrossAttention
from models.fusion.gated import Gated
from models.fusion.interface import Fusion
from models.fusion.wide_and_deep import WideAndDeep

FUSIONS: dict[str, type[Fusion]] = {
    "attention": Attention,
    "concat": Concat,
    "features": WideAndDeep,
    "gated": Gated,
    "cross_attention": CrossAttention,
}
"""Fusions of vectors; `late_weighted` and `late_vote` fuse whole recommenders instead
(`models.recommender.late_fusion`)."""


def build_fusion(name: str, modalities: int, dim: int) -> Fusion:
    """Build a fusion of vectors by its name in the configuration.

    Raises:
        KeyError: If there is none of that name.
    """
    return FUSIONS[name](modalities, dim)
