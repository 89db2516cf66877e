"""Pretraining: the encoders that are trained on the shop's own texts, pictures and phrases, and what that is worth."""
