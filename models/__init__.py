"""Recommendation models, encoders, training and evaluation: arrays and tensors in, arrays and tensors out."""
