"""The fusion recommender that the configuration asks for, fresh or from its folder."""

from __future__ import annotations

import json
from pathlib import Path

from models.config import FusionConfig, TrainingConfig
from models.network.data_signature import Mismatch
from models.recommender.late_fusion import LateFusion
from models.recommender.recommender import ABOUT, FusionRecommender


def make(config: FusionConfig, training: TrainingConfig) -> FusionRecommender | LateFusion:
    """One network, or for `late_weighted` and `late_vote` a recommender for each modality."""
    return LateFusion(config, training) if is_late(config) else FusionRecommender(config, training)


def load(folder: Path) -> FusionRecommender | LateFusion:
    """Read back what either of them saved.

    Raises:
        Mismatch: If a file is missing or damaged.
    """
    try:
        is_several = "weights" in json.loads((folder / ABOUT).read_text())
    except (OSError, ValueError) as error:
        raise Mismatch(f"{folder}: no usable fusion model ({error}); train it again") from None
    return LateFusion.load(folder) if is_several else FusionRecommender.load(folder)


def is_late(config: FusionConfig) -> bool:
    """Whether whole recommenders are fused."""
    return config.fusion.startswith("late_")
