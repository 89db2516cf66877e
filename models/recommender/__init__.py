"""The fusion recommender: the network as a member of the family, which is fitted, scores, is saved and loaded."""

from models.recommender.late_fusion import LateFusion
from models.recommender.recommender import FusionRecommender

__all__ = ["FusionRecommender", "LateFusion"]
