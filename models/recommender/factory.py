"""The fusion recommender that the configuration chooses, new or loaded from its folder."""

from __future__ import annotations

import json
from pathlib import Path

from models.config import FusionConfig, TrainingConfig
from models.network.data_signature import ModelMismatch
from models.recommender.late_fusion import LateFusion
from models.recommender.recommender import ABOUT, FusionRecommender


def make_fusion_recommender(config: FusionConfig, training: TrainingConfig) -> FusionRecommender | LateFusion:
    """Return an unfitted recommender: one network, or for late fusion one network for each modality."""
    return LateFusion(config, training) if is_late_fusion(config) else FusionRecommender(config, training)


def load_fusion_recommender(folder: Path) -> FusionRecommender | LateFusion:
    """Load a recommender of either class from its folder.

    Raises:
        ModelMismatch: If a file is missing or damaged.
    """
    try:
        # Only the description of late fusion has weights of its members.
        is_several = "weights" in json.loads((folder / ABOUT).read_text())
    except (OSError, ValueError) as error:
        raise ModelMismatch(f"{folder}: no usable fusion model ({error}); train it again") from None
    return LateFusion.load(folder) if is_several else FusionRecommender.load(folder)


def is_late_fusion(config: FusionConfig) -> bool:
    """Return whether the configuration chooses late fusion."""
    return config.fusion.startswith("late_")
