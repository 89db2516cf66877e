"""Drift: tonight's inputs, features, embeddings, scores and lists against those of the nights before."""

from handpick.stages.report.drift.compare import DRIFT_TABLE, MIN_REFERENCE, compare_night, read_comparison

__all__ = ["DRIFT_TABLE", "MIN_REFERENCE", "compare_night", "read_comparison"]
