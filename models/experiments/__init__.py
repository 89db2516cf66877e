"""Statistics of experiments: arrays in, numbers out."""
