"""Encoders of texts, pictures, sounds and spec sheets. Importing this package does not import torch."""
