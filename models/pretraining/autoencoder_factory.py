"""Choice of the autoencoder of rows by its name in the settings."""

from __future__ import annotations

from models.pretraining.autoencoder import Autoencoder, Rows, pretrain_autoencoder
from models.pretraining.config import RowsObjective, RowsPretraining
from models.pretraining.training_loop import StepProgress, hide_progress
from models.pretraining.variational import pretrain_variational


def pretrain_rows(
    kind: RowsObjective,
    rows: Rows,
    config: RowsPretraining,
    seed: int,
    is_counts: bool,
    progress: StepProgress = hide_progress,
) -> Autoencoder:
    """Train a denoising or a variational autoencoder of the rows, and return it.

    Args:
        kind: `autoencoder` or `variational`.
        rows: `(n, width)`.
        config: Sizes and steps.
        seed: Seed of the weights and of the batches.
        is_counts: Rows are histories rather than measurements.
        progress: Shows the steps.

    Raises:
        NonFiniteLoss: If the loss does not stay finite.
    """
    pretrain = pretrain_autoencoder if kind == "autoencoder" else pretrain_variational
    return pretrain(rows, config, seed, is_counts, progress)[0]
