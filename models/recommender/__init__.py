"""The fusion recommender."""

from models.recommender.late_fusion import LateFusion
from models.recommender.recommender import FusionRecommender

__all__ = ["FusionRecommender", "LateFusion"]
