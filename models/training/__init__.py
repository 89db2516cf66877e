"""Fitting of the fusion network: training set, losses, schedule, trainer, checkpoints, processes.

Start at `trainer.py`. Everything here imports `models.network`; `models.recommender` is built on both.
"""
