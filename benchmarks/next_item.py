"""Trains the fusion recommender's sequence encoder alone on next-item prediction.

Items are identity embeddings.

Speed on a CPU comes from three things. One pass over a user's sequence gives predictions at all its
positions. The users of a step are batched in groups of similar length, so that hardly anything is padded. And
the softmax is over the true items and one draw of negatives for the whole step, corrected for the draw, in
bfloat16 if the processor multiplies it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.network.sequence_encoder import SequenceEncoder
from models.training.optimizer_schedule import compute_rate_factor

Sequences = list[NDArray[np.int64]]
LENGTH_QUANTILES = (0.0, 0.42, 0.7, 0.88, 0.96, 1.0)
"""Quantiles at which a step's users, sorted by length, are split into groups: finer where lengths differ
more."""
MATMUL_DTYPE = torch.bfloat16 if torch.ops.mkldnn._is_mkldnn_bf16_supported() else torch.float32


class Settings(NamedTuple):
    """The configuration, the same for every data set.

    Args:
        dim: As in `SequenceEncoder`.
        layers: As in `SequenceEncoder`.
        heads: As in `SequenceEncoder`.
        dropout: As in `SequenceEncoder`.
        filtered: As in `SequenceEncoder`.
        history: Latest items of a user that are read.
        users: Users per step.
        negatives: Negatives per step, drawn uniformly from all items.
        rate: Learning rate of AdamW after `warm` steps; without weight decay.
        warm: Steps of linear warm-up.
        epochs: Epochs over which the rate falls along half a cosine to a twentieth; None for a constant rate.
        average: Decay of the moving average of the weights; the average is evaluated, not the weights.
    """

    dim: int = 64
    layers: int = 2
    heads: int = 2
    dropout: float = 0.5
    filtered: float = 0.7
    history: int = 50
    users: int = 192
    negatives: int = 2048
    rate: float = 1.5e-3
    warm: int = 100
    epochs: int | None = 30
    average: float = 0.99


class NextItem(nn.Module):
    """Next-item network: item embeddings in, states out.

    A score is the inner product of state and item embedding.
    """

    def __init__(self, items: int, settings: Settings) -> None:
        super().__init__()
        self.items = nn.Embedding(items, settings.dim)
        self.encoder = SequenceEncoder(
            settings.dim, settings.layers, settings.heads, settings.dropout, settings.filtered
        )
        nn.init.normal_(self.items.weight, std=0.02)

    def forward(self, vectors: Tensor) -> Tensor:
        """Return `(b, 1 + l, dim)` states from `(b, l, dim)`.

        The data have no times, so items are one day apart.
        """
        days = torch.arange(vectors.shape[1], dtype=torch.float32).unsqueeze(0)
        states: Tensor = self.encoder(vectors, torch.zeros_like(days, dtype=torch.int64), days)
        return states


class SampledSoftmax(torch.autograd.Function):
    """Mean `-log softmax` of the true items among all items, estimated from a uniform draw of the others.

    Gradients are computed in the forward pass, so that the `(n, draw)` matrix is written once.
    """

    @staticmethod
    def forward(ctx: Any, states: Tensor, true: Tensor, drawn: Tensor, same: Tensor, rest: float) -> Tensor:
        """Return the loss and store the gradients.

        Args:
            ctx: Stores the gradients for `backward`.
            states: `(n, d)`.
            true: `(n, d)` vectors of the true items.
            drawn: `(draw, d)` vectors of the negatives.
            same: `(n, draw)` mask where a negative is the true item.
            rest: Number of items that each negative represents.
        """
        n, draw = same.shape
        narrow, others = states.to(MATMUL_DTYPE), drawn.to(MATMUL_DTYPE)
        scores = torch.empty(n, draw + 1, dtype=MATMUL_DTYPE)
        scores[:, :draw] = (narrow @ others.T).masked_fill_(same, -1e4)
        # Each negative stands for `rest` items; the true item for itself, hence the correction.
        scores[:, draw] = (states * true).sum(1) - math.log(rest)
        share = torch.softmax(scores, 1)
        wrong, right = share[:, :draw], share[:, draw:].float()  # (n, draw), (n, 1)
        short = right - 1  # gradient of -log softmax at the true item
        ctx.save_for_backward(
            ((wrong @ others).float() + short * true) / n,
            short * states / n,
            (narrow.T @ wrong).T.float() / n,
        )
        return -right.clamp(min=1e-9).log().mean()

    @staticmethod
    def backward(ctx: Any, *above: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of states, true and drawn vectors."""
        states, true, drawn = ctx.saved_tensors
        return above[0] * states, above[0] * true, above[0] * drawn, None, None


class NextItemTrainer:
    """Trainer that runs one epoch at a time; its state can be stored and restored."""

    def __init__(self, sequences: Sequences, items: int, settings: Settings, seed: int) -> None:
        self.settings, self.items = settings, items
        self.sequences = [sequence[-settings.history - 1 :] for sequence in sequences]
        self.lengths = np.array([len(sequence) for sequence in self.sequences])
        self.samples = int((self.lengths - 1).clip(0).sum())
        self.random = np.random.default_rng(seed)
        torch.manual_seed(seed)
        self.network, self.average = NextItem(items, settings), NextItem(items, settings)
        self.average.load_state_dict(self.network.state_dict())
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=settings.rate, weight_decay=0.0, fused=True
        )
        self.steps = 0

    def epoch(self) -> float:
        """Train on all users once in random order and return the mean loss."""
        self.network.train()
        order = self.random.permutation(len(self.sequences))
        steps = range(0, len(order), self.settings.users)
        return float(np.mean([self._step(order[at : at + self.settings.users]) for at in steps]))

    def _step(self, users: NDArray[np.int64]) -> float:
        groups = list(self._group_by_length(users))  # (b, l) each, -1 after the end
        true = torch.cat([group[group >= 0] for group in groups])  # (n,)
        drawn = torch.randint(self.items, (self.settings.negatives,))
        read = [group[:, :-1].clamp(min=0) for group in groups]
        # One lookup for the whole step: its gradient is then one table instead of one per group.
        vectors = self.network.items(torch.cat([*(part.reshape(-1) for part in read), true, drawn]))
        *tokens, wanted, others = vectors.split([*(part.numel() for part in read), len(true), len(drawn)])
        states = torch.cat(
            [
                self.network(part.view(*place.shape, -1))[group >= 0]
                for part, place, group in zip(tokens, read, groups, strict=True)
            ]
        )
        rest = (self.items - 1) / len(drawn)
        loss = SampledSoftmax.apply(states, wanted, others, true[:, None] == drawn, rest)  # type: ignore[no-untyped-call]
        self.optimizer.zero_grad()
        loss.backward()
        self.steps += 1
        for part in self.optimizer.param_groups:
            part["lr"] = self.settings.rate * self._rate_factor()
        self.optimizer.step()
        self._update_average()
        return float(loss.detach())

    def _rate_factor(self) -> float:
        """Return the factor on the learning rate for the next step."""
        warm, epochs = self.settings.warm, self.settings.epochs
        if epochs is None:
            return min(1.0, self.steps / warm)
        total = epochs * -(-len(self.sequences) // self.settings.users)
        return compute_rate_factor(self.steps - 1, total, warm / total)

    @torch.no_grad()
    def _update_average(self) -> None:
        """Update the moving average of the weights, with a smaller decay in the first steps."""
        # Early weights are far from the final ones, so the average forgets them fast.
        kept = min(self.settings.average, self.steps / (self.steps + 10))
        torch._foreach_lerp_(list(self.average.parameters()), list(self.network.parameters()), 1 - kept)

    def _group_by_length(self, users: NDArray[np.int64]) -> Iterator[Tensor]:
        """Yield the users' sequences in a few groups of similar length."""
        users = users[np.argsort(self.lengths[users], kind="stable")]
        cuts = (len(users) * np.array(LENGTH_QUANTILES)).round().astype(int)
        for first, last in pairwise(cuts):
            if last > first:
                yield pad_sequences([self.sequences[user] for user in users[first:last]], -1)

    def state(self) -> dict[str, Any]:
        """Return everything that the next epoch depends on."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "steps": self.steps,
            "torch": torch.get_rng_state(),
            "numpy": self.random.bit_generator.state,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a state from `state`."""
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.steps = state["steps"]
        torch.set_rng_state(state["torch"])
        self.random.bit_generator.state = state["numpy"]


def pad_sequences(sequences: Sequences, behind: int) -> Tensor:
    """Return `(b, longest)` ids, padded with a value after the ends."""
    longest = max(len(sequence) for sequence in sequences)
    rows = np.full((len(sequences), longest), behind, np.int64)
    for row, sequence in zip(rows, sequences, strict=True):
        row[: len(sequence)] = sequence
    return torch.from_numpy(rows)


@torch.inference_mode()
def encode_sequences(network: NextItem, sequences: Sequences, history: int) -> NDArray[np.float32]:
    """Return the `(users, dim)` states after each sequence."""
    network.eval()
    known = [sequence[-history:] for sequence in sequences]
    lengths = np.array([len(sequence) for sequence in known])
    order = np.argsort(lengths, kind="stable")
    states = np.empty((len(known), network.items.embedding_dim), np.float32)
    for start in range(0, len(order), 512):
        some = order[start : start + 512]
        outputs = network(network.items(pad_sequences([known[user] for user in some], 0)))
        states[some] = outputs[torch.arange(len(some)), torch.from_numpy(lengths[some])].numpy()
    return states
