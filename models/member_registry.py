"""Registry of the family's members: which class has which name in settings and stored models."""

from __future__ import annotations

from pathlib import Path

from models.collaborative.als import Als
from models.collaborative.base import Member
from models.collaborative.bpr import Bpr
from models.collaborative.ease import Ease
from models.collaborative.freshness import Freshness
from models.collaborative.graph_filter import GraphFilter
from models.collaborative.item_neighbours import ItemNeighbours
from models.collaborative.mult_vae import MultVae
from models.collaborative.popularity import Popularity
from models.collaborative.user_neighbours import UserNeighbours
from models.config import FamilyConfig
from models.content import ContentBased
from models.hybrids.features_combined import FeaturesCombined

MEMBER_CLASSES: dict[str, type[Member]] = {
    "popularity": Popularity,
    "freshness": Freshness,
    "user_cosine": UserNeighbours,
    "user_pearson": UserNeighbours,
    "item_cosine": ItemNeighbours,
    "item_tf_idf": ItemNeighbours,
    "item_bm25": ItemNeighbours,
    "als": Als,
    "bpr": Bpr,
    "ease": Ease,
    "graph_filter": GraphFilter,
    "mult_vae": MultVae,
    "content": ContentBased,
    "features_combined": FeaturesCombined,
}
"""The class of each member; its settings are the attribute of the same name of `FamilyConfig`."""


def make_member(name: str, config: FamilyConfig) -> Member:
    """Make an unfitted member with its settings."""
    member = MEMBER_CLASSES[name](getattr(config, name))
    member.name = name
    return member


def load_member(name: str, folder: Path) -> Member:
    """Load a fitted member from its folder."""
    return MEMBER_CLASSES[name].load(folder)
