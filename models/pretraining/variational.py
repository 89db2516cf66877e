"""A variational autoencoder of rows (Kingma and Welling, 2014; for histories Liang et al., 2018)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.pretraining.autoencoder import (
    Autoencoder,
    Rows,
    compute_reconstruction_loss,
    draw_rows,
    drop_entries,
)
from models.pretraining.config import RowsPretraining
from models.pretraining.training_loop import StepProgress, hide_progress, minimize_loss, seed_generator


class VariationalAutoencoder(Autoencoder):
    """An autoencoder whose encoder returns a normal distribution over codes instead of one code."""

    def __init__(self, width: int, hidden: int, dim: int) -> None:
        super().__init__(width, hidden, dim)
        self.log_variance = nn.Linear(width, dim)

    def encode_distribution(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of q(code | row), `(b, dim)` each, of rows `(b, width)`."""
        # Clamped, so that the exponential in the divergence stays finite.
        return self.encode(rows), self.log_variance(nn.functional.normalize(rows, dim=1)).clamp(-8, 8)


def compute_kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the mean over rows of KL(q || N(0, 1)), in nats, from means and log variances `(b, dim)`."""
    return -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(1).mean()


def compute_beta(step: int, config: RowsPretraining) -> float:
    """Return the weight of the divergence at a step: a linear rise from 0 to its final value.

    With the full weight from the start, codes would collapse to the prior (Bowman et al., 2016; Liang et al.,
    2018, section 2.2.2).
    """
    growing = config.annealing * config.steps
    return config.final_beta * (min(1.0, step / growing) if growing else 1.0)


def pretrain_variational(
    rows: Rows, config: RowsPretraining, seed: int, is_counts: bool, progress: StepProgress = hide_progress
) -> tuple[VariationalAutoencoder, list[float]]:
    """Train a variational autoencoder of the rows; return it with its losses, one per step.

    The loss is the negative evidence lower bound with an annealed divergence.

    Args:
        rows: `(n, width)`.
        config: Sizes and steps.
        seed: Seed of the weights and of the batches.
        is_counts: Rows are histories (multinomial likelihood) rather than measurements (normal likelihood).
        progress: Shows the steps.

    Raises:
        NonFiniteLoss: If the loss does not stay finite.
    """
    with seed_generator(seed) as generator:
        module = VariationalAutoencoder(rows.shape[1], config.hidden, config.dim)

        def loss(step: int) -> Tensor:
            targets = draw_rows(rows, config.batch, generator)
            mean, log_variance = module.encode_distribution(
                drop_entries(targets, config.corruption, generator)
            )
            noise = torch.randn(mean.shape, generator=generator)
            outputs = module.decode(mean + noise * (0.5 * log_variance).exp())  # reparameterized sample
            return compute_reconstruction_loss(outputs, targets, is_counts) + compute_beta(
                step, config
            ) * compute_kl_divergence(mean, log_variance)

        losses = minimize_loss(
            [module], loss, config.steps, config.learning_rate, "pretrain variational", progress
        )
    return module.eval(), losses
