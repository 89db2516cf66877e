"""Pretraining: one objective a file, each with its loss and nothing else. Importing this imports no torch."""
