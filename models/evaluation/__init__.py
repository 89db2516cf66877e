"""Offline evaluation: temporal split and slices, metrics of one idea each, confidence intervals, off-policy estimates."""
