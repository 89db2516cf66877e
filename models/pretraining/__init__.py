"""Self-supervised pretraining of encoders: one objective a file. Importing it does not import torch."""
