"""Self-supervised pretraining of encoders: one objective a file. Importing this package does not import torch."""
