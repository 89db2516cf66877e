"""The user tower: what a user did, asked for in words, pictures and speech, and who they are, fused into one vector."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.config import FusionConfig
from models.fusion.factory import make
from models.fusion.interface import masked_softmax
from models.network.byte_dropout import ByteDropout
from models.network.data_signature import SPACE_OF, Signature
from models.network.inputs import Asked, Profiles, queries_share_space
from models.network.item_tower import Entry, ItemTower
from models.network.iterative_inference import Evidence
from models.network.sequence_encoder import GAPS, SequenceEncoder, gap_bucket, of_like_length
from models.network.temporal_features import WIDTH

BEHAVIOUR, PROFILE = "behaviour", "profile"
COUNTS = 12


class Reading(NamedTuple):
    """Questions with everything that was known when they were asked.

    Args:
        tokens, kinds: `(b, l) int64` phones and event types of passages of stories.
        days: `(b, l) float32` when, in days since the batch's first; infinite behind the end.
        passage: `(n,) int64` the passage that each question is about.
        end: `(n,) int64` tokens of that passage that were known.
        known: `(n,) int64` tokens of the whole story that were known.
        since: `(n,) float32` days since the last of them.
        queries: `(n, q) int64` the latest queries, the last row of `Asked` for none.
        query_since: `(n, q) float32` days since each.
        profiles: Of the `n` askers.
        evidence: Of the `n` askers.
    """

    tokens: Tensor
    kinds: Tensor
    days: Tensor
    passage: Tensor
    end: Tensor
    known: Tensor
    since: Tensor
    queries: Tensor
    query_since: Tensor
    profiles: Profiles
    evidence: Evidence

    def to(self, device: torch.device) -> Reading:
        """The same on another device."""
        return Reading(**{name: part.to(device) for name, part in self._asdict().items()})

    def of_newcomers(self, rows: Tensor, queries: Tensor, query_since: Tensor) -> Reading:
        """Some questions as if nothing were known of the askers but these queries, country, language and what they own.

        All traces of what they did go together: with the counts of their views left in, the network would learn that
        many views and no story mean a veteran, and would not know a newcomer when it meets one.
        """
        none = torch.zeros_like(rows)
        features = self.profiles.features[rows]
        return Reading(
            tokens=self.tokens[:1, :1],
            kinds=self.kinds[:1, :1],
            days=torch.full_like(self.days[:1, :1], torch.inf),
            passage=none,
            end=none,
            known=none,
            since=torch.full_like(self.since[rows], torch.inf),
            queries=queries,
            query_since=query_since,
            profiles=Profiles(
                torch.full_like(features, torch.nan), self.profiles.country[rows], self.profiles.locale[rows]
            ),
            evidence=self.evidence.of_newcomers(rows),
        )


class Wishes(NamedTuple):
    """The tower's answer.

    Args:
        vectors: `(n, dim)`.
        moments: `(n, WIDTH)` how much novelty and popularity matter to each.
        weights: `(n, modalities)` what each vector rests on.
    """

    vectors: Tensor
    moments: Tensor
    weights: Tensor


class Intent(nn.Module):
    """One modality of the recent queries as one vector: attention over queries, the newer ones favoured as learned.

    Queries whose vectors lie in the space of a modality of the phones go through the phones' own projection first, so
    that what is learned from thousands of events about words and looks is not learned again from a few questions.
    """

    mean: Tensor

    def __init__(self, width: int, dim: int, dropout: float, is_shared: bool) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.is_shared = is_shared
        self.adapt = nn.Linear(dim, dim)
        self.own = Entry(width, dim, dropout)
        self.score = nn.Linear(dim, 1)
        self.recency = nn.Embedding(GAPS, 1)
        nn.init.zeros_(self.recency.weight)

    @torch.no_grad()
    def calibrate(self, vectors: Tensor) -> None:
        """Learn the mean query: how people ask is not how shops describe."""
        if len(vectors):
            self.mean.copy_(vectors.mean(0))
            self.own.calibrate(vectors)

    def forward(
        self, vectors: Tensor, place: Tensor, present: Tensor, since: Tensor, shared: Entry | None
    ) -> tuple[Tensor, Tensor]:
        """`(n, d)` and `(n,) bool`.

        Args:
            vectors: `(different queries, width)`; a query stands in many questions and is projected once.
            place: `(n, q)` rows of `vectors`.
            present, since: `(n, q)`.
            shared: The phones' projection, if there is one.
        """
        once = self.own(vectors)  # (different queries, d)
        if shared is not None and self.is_shared:
            once = once + self.adapt(shared(vectors, self.mean))
        heard = torch.nn.functional.embedding(place, once)  # (n, q, d)
        scores = self.score(heard).squeeze(-1) + self.recency(gap_bucket(since)).squeeze(-1)
        weights = masked_softmax(scores, present)  # (n, q)
        return (weights.unsqueeze(-1) * heard).sum(1), present.any(1)


class UserTower(nn.Module):
    """Behaviour, intents and profile, fused; then one network over the fused vector and what is known of the asker."""

    feature_mean: Tensor
    feature_scale: Tensor

    def __init__(self, signature: Signature, config: FusionConfig) -> None:
        super().__init__()
        dim = config.dim
        self.asked = tuple(name for name in signature.queries if f"query_{name}" not in config.without)
        ends = tuple(name for name in (BEHAVIOUR, PROFILE) if name not in config.without)
        self.names = (*(f"query_{name}" for name in self.asked), *ends)
        self.query_dropout = config.modality_dropout
        self.sequence = SequenceEncoder(dim, config.layers, config.heads, config.dropout)
        self.since, self.count = nn.Embedding(GAPS, dim), nn.Embedding(COUNTS, dim)
        self.intents = nn.ModuleDict(
            {
                name: Intent(
                    signature.queries[name][0],
                    dim,
                    config.input_dropout,
                    queries_share_space(signature, name),
                )
                for name in self.asked
            }
        )
        features = len(signature.feature_names)
        self.register_buffer("feature_mean", torch.zeros(features))
        self.register_buffer("feature_scale", torch.ones(features))
        self.country = nn.Embedding(len(signature.countries) + 1, dim)
        self.locale = nn.Embedding(len(signature.locales) + 1, dim)
        # one more column, always 1, so that a shop without features has a network, too
        self.features = nn.Sequential(
            nn.Linear(2 * features + 1, dim), nn.GELU(), ByteDropout(config.dropout), nn.Linear(dim, dim)
        )
        self.fusion = make(config.inner, len(self.names), dim)
        self.leave = nn.Sequential(
            nn.LayerNorm(dim),
            nn.Linear(dim, 2 * dim),
            nn.GELU(),
            ByteDropout(config.dropout),
            nn.Linear(2 * dim, dim),
        )
        self.moments = nn.Linear(dim, WIDTH)
        for table in (self.since, self.count, self.country, self.locale):
            nn.init.normal_(table.weight, std=0.02)
        nn.init.normal_(self.moments.weight, std=0.01)
        nn.init.zeros_(self.moments.bias)

    @torch.no_grad()
    def calibrate(self, asked: Asked, features: Tensor) -> None:
        """Learn the mean queries, and the features' means and spreads."""
        for name in self.asked:
            self._intent(name).calibrate(asked.content[name][asked.present[name]])
        z = squashed(features)
        known = ~z.isnan()
        count = known.sum(0).clamp(min=1)
        mean = z.nan_to_num(0.0).sum(0) / count
        spread = ((z - mean).nan_to_num(0.0).square().sum(0) / count).sqrt()
        self.feature_mean.copy_(mean)
        self.feature_scale.copy_(torch.where(spread > 1e-6, spread, torch.ones_like(spread)))

    def forward(self, reading: Reading, asked: Asked, phones: Tensor, tower: ItemTower) -> Wishes:
        """The askers' vectors.

        Args:
            reading: `n` questions.
            asked: All queries.
            phones: `(items, d)` the item tower's vectors; tokens of a story are phones.
            tower: Whose projections the queries share.
        """
        parts: list[Tensor] = []
        present: list[Tensor] = []
        different, place = torch.unique(reading.queries, return_inverse=True)  # (n, q)
        for name in self.asked:
            chosen = asked.present[name][reading.queries]  # (n, q)
            shared = tower.enter[SPACE_OF[name]] if SPACE_OF[name] in tower.content else None
            assert shared is None or isinstance(shared, Entry)
            heard, there = self._intent(name)(
                asked.content[name][different], place, chosen, reading.query_since, shared
            )
            parts.append(heard)
            present.append(self._kept(there, self.query_dropout))
        if BEHAVIOUR in self.names:
            parts.append(self._behaviour(reading, phones))
            present.append(reading.end > 0)
        if PROFILE in self.names:
            parts.append(self._profile(reading.profiles))
            present.append(torch.ones_like(reading.end, dtype=torch.bool))
        fused = self.fusion(torch.stack(parts, 1), torch.stack(present, 1))
        told = fused.vector + self.since(gap_bucket(reading.since)) + self.count(count_bucket(reading.known))
        vectors = fused.vector + self.leave(told)
        return Wishes(vectors, self.moments(torch.tanh(vectors)), fused.weights)

    def _behaviour(self, reading: Reading, phones: Tensor) -> Tensor:
        """`(n, d)` states after the last known token; that of somebody who did nothing where there is none."""
        states, first, count = [], torch.zeros_like(reading.tokens[:, 0]), 0
        for rows, length in of_like_length(reading.days):
            tokens = torch.nn.functional.embedding(reading.tokens[rows, :length], phones)  # (g, l, d)
            part = self.sequence(tokens, reading.kinds[rows, :length], reading.days[rows, :length])
            states.append(part.flatten(0, 1))  # (g * (1 + l), d)
            first[rows] = count + torch.arange(len(rows), device=rows.device) * (1 + length)
            count += len(states[-1])
        return torch.nn.functional.embedding(first[reading.passage] + reading.end, torch.cat(states))

    def _profile(self, profiles: Profiles) -> Tensor:
        z = (squashed(profiles.features) - self.feature_mean) / self.feature_scale
        known = ~z.isnan()
        ones = torch.ones_like(profiles.country, dtype=z.dtype).unsqueeze(1)
        features = torch.cat([z.nan_to_num(0.0).clamp(-4, 4), known.to(z.dtype), ones], 1)
        who: Tensor = self.features(features) + self.country(profiles.country) + self.locale(profiles.locale)
        return who

    def _kept(self, there: Tensor, dropout: float) -> Tensor:
        """In training, a modality is hidden now and then, so that the others learn to stand alone."""
        if not (self.training and dropout):
            return there
        return there & (torch.rand(len(there), device=there.device) >= dropout)

    def _intent(self, name: str) -> Intent:
        intent = self.intents[name]
        assert isinstance(intent, Intent)
        return intent


def squashed(features: Tensor) -> Tensor:
    """`sign(x) log(1 + |x|)`: counts and prices have long tails."""
    return features.sign() * features.abs().log1p()


def count_bucket(count: Tensor) -> Tensor:
    """0, 1, 2-3, 4-7 ... tokens."""
    return torch.log2(count.float() + 1).floor().long().clamp(max=COUNTS - 1)
