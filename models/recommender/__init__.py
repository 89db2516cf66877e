"""The fusion recommender: the network as a member of the family that can be fitted, saved and loaded."""

from models.recommender.late_fusion import LateFusion
from models.recommender.recommender import FusionRecommender

__all__ = ["FusionRecommender", "LateFusion"]
