"""The fusion recommender."""

from models.recommender.fitted import FusionRecommender

__all__ = ["FusionRecommender"]
