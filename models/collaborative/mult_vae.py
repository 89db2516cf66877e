"""Mult-VAE: a variational autoencoder of histories with a multinomial likelihood."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from models.collaborative.base import Arrays, Member
from models.config import MultVaeConfig
from models.dataset import Dataset, FloatArray, IntArray
from models.recommender_interface import Factors

if TYPE_CHECKING:
    import torch


class MultVae(Member):
    """Mult-VAE, with scores in factored form.

    Liang et al., "Variational autoencoders for collaborative filtering", WWW 2018. The last layer is linear,
    so scores are the last hidden layer times its weights: factored without loss.
    """

    settings_class = MultVaeConfig
    config: MultVaeConfig

    def learn(self, data: Dataset, seed: int) -> Arrays:
        """Train the four layers with Adam, with an annealed weight of the Kullback-Leibler term."""
        import torch

        # Before the first use of torch's vector functions, so that they give the same bits in every process.
        import models.mkl_warm_up  # noqa: F401
        from models.lean_torch import Adam

        history = self.history(data, np.arange(len(data.users)))
        history = history[np.flatnonzero(np.diff(history.indptr))]
        generator = torch.Generator().manual_seed(seed)
        layers = _initialise_layers(history.shape[1], self.config, generator)
        adam = Adam(layers.values(), lr=self.config.learning_rate)
        steps = self.config.epochs * -(-history.shape[0] // self.config.batch)
        step = 0
        for _ in range(self.config.epochs):
            order = torch.randperm(history.shape[0], generator=generator).numpy()
            for start in range(0, len(order), self.config.batch):
                # The weight rises over the first half of the steps: at full weight from the start, the latent
                # distribution would collapse to its prior.
                beta = self.config.anneal * min(1.0, 2 * step / max(steps, 1))
                loss = self._compute_loss(
                    layers, history[order[start : start + self.config.batch]], beta, generator
                )
                adam.zero_grad()
                torch.autograd.backward(loss)
                adam.step()
                step += 1
        return {name: layer.detach().numpy() for name, layer in layers.items()}

    def _compute_loss(
        self,
        layers: dict[str, torch.Tensor],
        rows: sparse.csr_matrix,
        beta: float,
        generator: torch.Generator,
    ) -> torch.Tensor:
        """Compute the negative evidence lower bound of a batch (equation 7, multinomial likelihood)."""
        import torch

        target = torch.from_numpy(rows.toarray())  # (b, items)
        keep = torch.rand(target.shape, generator=generator) >= self.config.dropout
        # Dropout of the input: the network reconstructs the whole history from a part of it.
        seen = torch.nn.functional.normalize(target * keep)
        hidden = torch.tanh(seen @ layers["encode"] + layers["encode_bias"])  # (b, hidden)
        both = hidden @ layers["latent"] + layers["latent_bias"]  # (b, 2 * dim)
        mean, log_variance = both.chunk(2, dim=1)  # (b, dim) each
        noise = torch.randn(mean.shape, generator=generator)
        latent = mean + noise * torch.exp(0.5 * log_variance)
        logits = (
            torch.tanh(latent @ layers["decode"] + layers["decode_bias"]) @ layers["out"].T
            + layers["out_bias"]
        )
        likelihood = (torch.log_softmax(logits, dim=1) * target).sum(1).mean()
        divergence = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(1).mean()
        return beta * divergence - likelihood

    def known_factors(self, data: Dataset, users: IntArray) -> Factors:
        """Return the decoder's last hidden layer and the output layer as factors.

        A column of ones is appended for the output layer's bias. Users without history have zeros.
        """
        history = self.history(data, users)
        length = np.sqrt(np.asarray(history.multiply(history).sum(axis=1))).reshape(-1, 1)
        seen = np.asarray(history @ self.array("encode")) / np.maximum(length, 1e-12)
        hidden = np.tanh(seen + self.array("encode_bias"))
        # No noise at inference: the mean of the latent distribution, whose first half of columns it is.
        mean = (hidden @ self.array("latent") + self.array("latent_bias"))[:, : self.config.dim]
        decoded = np.tanh(mean @ self.array("decode") + self.array("decode_bias"))
        with_one: FloatArray = np.hstack([decoded, np.ones((len(users), 1), np.float32)]) * (length > 0)
        return Factors(with_one, np.hstack([self.array("out"), self.array("out_bias")[:, None]]))


def _initialise_layers(
    items: int, config: MultVaeConfig, generator: torch.Generator
) -> dict[str, torch.Tensor]:
    """Draw weights with Xavier's variance (Glorot and Bengio 2010); biases are zero."""
    import torch

    def draw(rows: int, columns: int) -> torch.Tensor:
        scale = (2 / (rows + columns)) ** 0.5
        return (torch.randn((rows, columns), generator=generator) * scale).requires_grad_()

    def zeros(width: int) -> torch.Tensor:
        return torch.zeros(width, requires_grad=True)

    return {
        "encode": draw(items, config.hidden),
        "encode_bias": zeros(config.hidden),
        "latent": draw(config.hidden, 2 * config.dim),
        "latent_bias": zeros(2 * config.dim),
        "decode": draw(config.dim, config.hidden),
        "decode_bias": zeros(config.hidden),
        "out": draw(items, config.hidden),
        "out_bias": zeros(items),
    }
