"""The fusion recommender."""

from models.recommender.fitted import FusionRecommender
from models.recommender.late import LateFusion

__all__ = ["FusionRecommender", "LateFusion"]
