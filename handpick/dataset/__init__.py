"""What models read: arrays of the lake, content and encoders behind the vectors, the time split, and stored models."""
