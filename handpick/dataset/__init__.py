"""What the models read: arrays of the lake, the time split, evaluation splits, and stored models."""
