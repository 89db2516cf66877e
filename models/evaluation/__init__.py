"""Offline evaluation: temporal split, slices, metrics, confidence intervals, off-policy estimates."""
