"""A denoising autoencoder of rows (Vincent et al., 2008): what a row is, told from a part of it."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn

from models.data import FloatArray
from models.pretraining.config import RowsPretraining
from models.pretraining.loop import Progress, seeded, silent, train

Rows = FloatArray | sparse.csr_matrix


class Autoencoder(nn.Module):
    """Row → code → row; histories are told by a softmax over items, content vectors by their values."""

    def __init__(self, width: int, hidden: int, dim: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(width, hidden), nn.Tanh(), nn.Linear(hidden, dim))
        self.decoder = nn.Sequential(nn.Tanh(), nn.Linear(dim, hidden), nn.Tanh(), nn.Linear(hidden, width))

    def encode(self, rows: Tensor) -> Tensor:
        """`(b, dim)` from `(b, width)`."""
        return self.encoder(nn.functional.normalize(rows, dim=1))

    def decode(self, codes: Tensor) -> Tensor:
        """`(b, width)` from `(b, dim)`."""
        return self.decoder(codes)


def pretrain_autoencoder(
    rows: Rows, config: RowsPretraining, seed: int, is_counts: bool, progress: Progress = silent
) -> tuple[Autoencoder, list[float]]:
    """An autoencoder of the rows, and its losses.

    Args:
        rows: `(n, width)`.
        is_counts: Rows are histories (multinomial likelihood) rather than measurements (squared error).

    Raises:
        NotFinite: If the loss does not stay finite.
    """
    with seeded(seed) as generator:
        module = Autoencoder(rows.shape[1], config.hidden, config.dim)

        def loss(step: int) -> Tensor:  # noqa: ARG001
            wanted = drawn(rows, config.batch, generator)
            seen = corrupted(wanted, config.corruption, generator)
            return reconstruction(module.decode(module.encode(seen)), wanted, is_counts)

        losses = train([module], loss, config.steps, config.learning_rate, "pretrain autoencoder", progress)
    return module.eval(), losses


def drawn(rows: Rows, batch: int, generator: torch.Generator) -> Tensor:
    """`(batch, width) float32`: some rows, without repetition."""
    chosen = torch.randperm(rows.shape[0], generator=generator)[:batch].numpy()
    part = rows[np.sort(chosen)]
    return torch.from_numpy(
        np.asarray(part.toarray() if isinstance(part, sparse.csr_matrix) else part, np.float32)
    )


def corrupted(rows: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """The rows with a share of their entries set to 0."""
    return rows * (torch.rand(rows.shape, generator=generator) >= share)


def reconstruction(told: Tensor, wanted: Tensor, is_counts: bool) -> Tensor:
    """The mean over rows of the negative multinomial log likelihood, or of half the squared distance."""
    if is_counts:
        return -(told.log_softmax(1) * wanted).sum(1).mean()
    return 0.5 * (told - wanted).square().sum(1).mean()


@torch.inference_mode()
def completed(module: Autoencoder, rows: Rows) -> FloatArray:
    """`(n, width) float32`: scores or values that the module tells for each row."""
    dense = np.asarray(rows.toarray() if sparse.issparse(rows) else rows, np.float32)
    told: FloatArray = module.decode(module.encode(torch.from_numpy(dense))).numpy()
    return told


@torch.inference_mode()
def codes(module: Autoencoder, rows: FloatArray) -> FloatArray:
    """`(n, dim) float32`: what the module keeps of each row."""
    kept: FloatArray = module.encode(torch.from_numpy(np.asarray(rows, np.float32))).numpy()
    return kept


def layers(module: Autoencoder) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """The encoder for numpy: weights `(width, hidden)` and bias, then weights `(hidden, dim)` and bias.

    A code is `tanh(row of length 1 @ weights + bias) @ weights + bias`.
    """
    kept = {name: weights.numpy() for name, weights in module.encoder.state_dict().items()}
    inner, outer = (np.ascontiguousarray(kept[name].T) for name in ("0.weight", "2.weight"))
    return inner, kept["0.bias"], outer, kept["2.bias"]


def whitening(told: FloatArray) -> tuple[FloatArray, FloatArray]:
    """`(dim,)` and `(dim, dim)`: `(codes - mean) @ turn` has no correlations and the same spread in every direction.

    Codes differ most in a few directions, which would alone decide a cosine (Su et al., "Whitening sentence
    representations for better semantics and faster retrieval", 2021). Directions without any spread become 0.

    Args:
        told: `(n, dim)` codes.
    """
    mean = told.mean(axis=0)
    values, turn = np.linalg.eigh(np.cov((told - mean).T.astype(np.float64)))
    is_spread = values > 1e-6 * values.max()
    scale = np.where(is_spread, 1 / np.sqrt(np.where(is_spread, values, 1)), 0)
    return mean, (turn * scale).astype(np.float32)
