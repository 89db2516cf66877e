"""What models read: arrays of the lake, content, encoders, the time split and stored models."""
