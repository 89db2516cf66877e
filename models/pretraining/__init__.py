"""Self-supervised pretraining of encoders: one objective per file. Importing it does not import torch."""
