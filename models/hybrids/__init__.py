"""Hybrids: several members as one recommender."""
