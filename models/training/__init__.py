"""Fitting the fusion network: training set, losses, optimizer schedule, trainer, checkpoints, several processes.

Start at `trainer.py`. Everything here imports `models.network`; `models.recommender` is built on both.
"""
