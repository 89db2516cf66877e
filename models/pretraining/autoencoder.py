"""A denoising autoencoder (Vincent et al., 2008): rows are reconstructed from a part of their entries."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn

from models.dataset import FloatArray
from models.pretraining.config import RowsPretraining
from models.pretraining.training_loop import StepProgress, hide_progress, minimize_loss, seed_generator

Rows = FloatArray | sparse.csr_matrix
"""`(n, width)`: user histories (counts of items) or item content (measurements)."""


class Autoencoder(nn.Module):
    """Autoencoder: row → code → row, with logits over items for histories, values for content vectors.

    Args:
        width: Width of a row.
        hidden: Units of the hidden layers.
        dim: Width of the code.
    """

    def __init__(self, width: int, hidden: int, dim: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(width, hidden), nn.Tanh(), nn.Linear(hidden, dim))
        self.decoder = nn.Sequential(nn.Tanh(), nn.Linear(dim, hidden), nn.Tanh(), nn.Linear(hidden, width))

    def encode(self, rows: Tensor) -> Tensor:
        """Return codes `(b, dim)` of rows `(b, width)`."""
        return self.encoder(nn.functional.normalize(rows, dim=1))

    def decode(self, codes: Tensor) -> Tensor:
        """Return logits or values `(b, width)` from codes `(b, dim)`."""
        return self.decoder(codes)


def pretrain_autoencoder(
    rows: Rows, config: RowsPretraining, seed: int, is_counts: bool, progress: StepProgress = hide_progress
) -> tuple[Autoencoder, list[float]]:
    """Train an autoencoder of the rows; return it with its losses, one per step.

    Args:
        rows: `(n, width)`.
        config: Sizes and steps.
        seed: Seed of the weights and of the batches.
        is_counts: Rows are histories (multinomial likelihood) rather than measurements (squared error).
        progress: Shows the steps.

    Raises:
        NonFiniteLoss: If the loss does not stay finite.
    """
    with seed_generator(seed) as generator:
        module = Autoencoder(rows.shape[1], config.hidden, config.dim)

        def loss(step: int) -> Tensor:  # noqa: ARG001
            targets = draw_rows(rows, config.batch, generator)
            inputs = drop_entries(targets, config.corruption, generator)
            return compute_reconstruction_loss(module.decode(module.encode(inputs)), targets, is_counts)

        losses = minimize_loss(
            [module], loss, config.steps, config.learning_rate, "pretrain autoencoder", progress
        )
    return module.eval(), losses


def draw_rows(rows: Rows, batch: int, generator: torch.Generator) -> Tensor:
    """Return `(batch, width) float32`: rows drawn without replacement."""
    chosen = torch.randperm(rows.shape[0], generator=generator)[:batch].numpy()
    part = rows[np.sort(chosen)]
    return torch.from_numpy(
        np.asarray(part.toarray() if isinstance(part, sparse.csr_matrix) else part, np.float32)
    )


def drop_entries(rows: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Return the rows with a share of their entries set to 0."""
    return rows * (torch.rand(rows.shape, generator=generator) >= share)


def compute_reconstruction_loss(outputs: Tensor, targets: Tensor, is_counts: bool) -> Tensor:
    """Return the mean over rows of the negative multinomial log likelihood, or of half the squared distance.

    Args:
        outputs: `(b, width)` logits, or values.
        targets: `(b, width)` counts, or values.
        is_counts: Rows are histories.
    """
    if is_counts:
        return -(outputs.log_softmax(1) * targets).sum(1).mean()
    return 0.5 * (outputs - targets).square().sum(1).mean()


@torch.inference_mode()
def reconstruct_rows(module: Autoencoder, rows: Rows) -> FloatArray:
    """Return `(n, width) float32`: the logits or values that the module reconstructs from each row."""
    dense = np.asarray(rows.toarray() if sparse.issparse(rows) else rows, np.float32)
    outputs: FloatArray = module.decode(module.encode(torch.from_numpy(dense))).numpy()
    return outputs


@torch.inference_mode()
def compute_codes(module: Autoencoder, rows: FloatArray) -> FloatArray:
    """Return the code of each row, `(n, dim) float32`."""
    encoded: FloatArray = module.encode(torch.from_numpy(np.asarray(rows, np.float32))).numpy()
    return encoded


def export_encoder(module: Autoencoder) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return the encoder for numpy: weights `(width, hidden)`, bias, weights `(hidden, dim)`, bias.

    A code is `tanh(row of length 1 @ weights + bias) @ weights + bias`.
    """
    state = {name: weights.numpy() for name, weights in module.encoder.state_dict().items()}
    inner, outer = (np.ascontiguousarray(state[name].T) for name in ("0.weight", "2.weight"))
    return inner, state["0.bias"], outer, state["2.bias"]


def fit_whitening(encoded: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the whitening transform of codes, as a mean and a matrix.

    `(codes - mean) @ matrix` is uncorrelated, with unit variance in each column.

    The variance of codes is in a few directions, which alone would decide a cosine (Su et al., "Whitening
    sentence representations for better semantics and faster retrieval", 2021). Directions without variance
    become 0.

    Args:
        encoded: `(n, dim) float32` codes.

    Returns:
        The mean `(dim,) float32`, and the matrix `(dim, dim) float32`.
    """
    mean = encoded.mean(axis=0)
    # In double precision: the smallest eigenvalues, which are divisors, would be rounding errors in single.
    values, turn = np.linalg.eigh(np.cov((encoded - mean).T.astype(np.float64)))
    is_spread = values > 1e-6 * values.max()
    scale = np.where(is_spread, 1 / np.sqrt(np.where(is_spread, values, 1)), 0)
    return mean, (turn * scale).astype(np.float32)
