"""The user tower: a user's events, queries (text, picture, speech) and profile, fused into one vector."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.config import FusionConfig
from models.fusion.factory import build_fusion
from models.fusion.masked_softmax import compute_masked_softmax
from models.network.byte_dropout import ByteDropout
from models.network.data_signature import ITEM_SPACE_OF_QUERY, DataSignature
from models.network.inputs import QueryInputs, UserProfiles, shares_item_space
from models.network.item_tower import InputProjection, ItemTower
from models.network.iterative_inference import Evidence
from models.network.sequence_encoder import TIME_BUCKETS, SequenceEncoder, bucket_days, group_by_length
from models.network.temporal_features import TEMPORAL_WIDTH

BEHAVIOUR, PROFILE = "behaviour", "profile"
COUNT_BUCKETS = 12
"""Buckets of the number of a user's tokens, by powers of two."""
FEATURE_LIMIT = 4
"""Standard deviations at which users' features are clipped: one outlier must not decide a vector."""


class UserInputs(NamedTuple):
    """`n` examples (a user at a time) with everything that was known then, on `b` sequence windows.

    Args:
        tokens, kinds: `(b, l) int64` phones and event types of the windows.
        days: `(b, l) float32` times, in days since the batch's first example; infinite behind the end of a
            window.
        window: `(n,) int64` the window of each example.
        end: `(n,) int64` how many tokens of that window were known.
        history_length: `(n,) int64` how many tokens of the user's whole sequence were known.
        days_since_event: `(n,) float32` since the last of them.
        queries: `(n, q) int64` the latest queries, the last row of `QueryInputs` for none.
        days_since_query: `(n, q) float32` since each.
        profiles: Profiles of the `n` users.
        evidence: Evidence of the `n` users.
    """

    tokens: Tensor
    kinds: Tensor
    days: Tensor
    window: Tensor
    end: Tensor
    history_length: Tensor
    days_since_event: Tensor
    queries: Tensor
    days_since_query: Tensor
    profiles: UserProfiles
    evidence: Evidence

    def to(self, device: torch.device) -> UserInputs:
        """Return a copy on another device."""
        return UserInputs(**{name: part.to(device) for name, part in self._asdict().items()})

    def as_newcomers(self, rows: Tensor, queries: Tensor, days_since_query: Tensor) -> UserInputs:
        """Return some examples as if only these queries, country, language and the owned phone were known.

        All traces of behaviour are removed together: if the counts of views among the features stayed, the
        network would learn that many views without a sequence mean an established user, and would not
        recognise a newcomer.

        Args:
            rows: `(m,)` of the examples.
            queries: `(m, q)` rows of `QueryInputs`.
            days_since_query: `(m, q)`.
        """
        none = torch.zeros_like(rows)
        features = self.profiles.features[rows]
        return UserInputs(
            # One window of one padding token, which all of them share.
            tokens=self.tokens[:1, :1],
            kinds=self.kinds[:1, :1],
            days=torch.full_like(self.days[:1, :1], torch.inf),
            window=none,
            end=none,
            history_length=none,
            days_since_event=torch.full_like(self.days_since_event[rows], torch.inf),
            queries=queries,
            days_since_query=days_since_query,
            profiles=UserProfiles(
                torch.full_like(features, torch.nan), self.profiles.country[rows], self.profiles.locale[rows]
            ),
            evidence=self.evidence.as_newcomers(rows),
        )


class UserOutput(NamedTuple):
    """The user tower's output.

    Args:
        vectors: `(n, dim)`.
        temporal_weights: `(n, TEMPORAL_WIDTH)` weights of age and popularity features for each user.
        weights: `(n, modalities)` how much each modality contributes to each vector.
    """

    vectors: Tensor
    temporal_weights: Tensor
    weights: Tensor


class QueryPooling(nn.Module):
    """One modality of the recent queries as one vector, by attention that depends on their age.

    Queries in the vector space of one of the phones' modalities go through the phones' own projection first,
    so that what is learned from thousands of events about words and pictures is not learned again from a few
    queries.

    Args:
        width: Width of the encoder's vectors.
        dim: Width of the network.
        dropout: Share of the encoder's numbers dropped in training.
        is_shared: Whether the phones' projection applies.
    """

    mean: Tensor

    def __init__(self, width: int, dim: int, dropout: float, is_shared: bool) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.is_shared = is_shared
        self.adapt = nn.Linear(dim, dim)
        self.own = InputProjection(width, dim, dropout)
        self.score = nn.Linear(dim, 1)
        self.recency = nn.Embedding(TIME_BUCKETS, 1)
        nn.init.zeros_(self.recency.weight)

    @torch.no_grad()
    def calibrate(self, vectors: Tensor) -> None:
        """Set the mean query, which differs from the mean phone: users and shops use different words."""
        if len(vectors):
            self.mean.copy_(vectors.mean(0))
            self.own.calibrate(vectors)

    def forward(
        self,
        vectors: Tensor,
        place: Tensor,
        present: Tensor,
        days_since: Tensor,
        shared: InputProjection | None,
    ) -> tuple[Tensor, Tensor]:
        """Return `(n, d)` pooled queries and `(n,) bool` whether there was any.

        Args:
            vectors: `(different queries, width)`; a query of many examples is projected once.
            place: `(n, q)` rows of `vectors`.
            present: `(n, q) bool`.
            days_since: `(n, q)`.
            shared: The phones' projection, if there is one.
        """
        projected = self.own(vectors)  # (different queries, d)
        if shared is not None and self.is_shared:
            projected = projected + self.adapt(shared(vectors, self.mean))
        # `embedding`, not indexing: its backward pass is faster on a CPU
        gathered = torch.nn.functional.embedding(place, projected)  # (n, q, d)
        scores = self.score(gathered).squeeze(-1)  # (n, q)
        scores = scores + self.recency(bucket_days(days_since)).squeeze(-1)
        weights = compute_masked_softmax(scores, present)  # (n, q)
        return (weights.unsqueeze(-1) * gathered).sum(1), present.any(1)


class UserTower(nn.Module):
    """Behaviour, queries and profile, fused; then a feed-forward network that also sees activity counts."""

    feature_mean: Tensor
    feature_scale: Tensor

    def __init__(self, signature: DataSignature, config: FusionConfig) -> None:
        super().__init__()
        dim = config.dim
        self.query_names = tuple(name for name in signature.queries if f"query_{name}" not in config.without)
        others = tuple(name for name in (BEHAVIOUR, PROFILE) if name not in config.without)
        self.modality_names = (*(f"query_{name}" for name in self.query_names), *others)
        self.query_dropout = config.modality_dropout
        self.sequence = SequenceEncoder(dim, config.layers, config.heads, config.dropout)
        self.since, self.count = nn.Embedding(TIME_BUCKETS, dim), nn.Embedding(COUNT_BUCKETS, dim)
        self.intents = nn.ModuleDict(
            {
                name: QueryPooling(
                    signature.queries[name][0],
                    dim,
                    config.input_dropout,
                    shares_item_space(signature, name),
                )
                for name in self.query_names
            }
        )
        features = len(signature.feature_names)
        self.register_buffer("feature_mean", torch.zeros(features))
        self.register_buffer("feature_scale", torch.ones(features))
        self.country = nn.Embedding(len(signature.countries) + 1, dim)
        self.locale = nn.Embedding(len(signature.locales) + 1, dim)
        # values, masks, and one column that is always 1, so that a shop without features has a network, too
        self.features = nn.Sequential(
            nn.Linear(2 * features + 1, dim), nn.GELU(), ByteDropout(config.dropout), nn.Linear(dim, dim)
        )
        self.fusion = build_fusion(config.inner, len(self.modality_names), dim)
        self.leave = nn.Sequential(
            nn.LayerNorm(dim),
            nn.Linear(dim, 2 * dim),
            nn.GELU(),
            ByteDropout(config.dropout),
            nn.Linear(2 * dim, dim),
        )
        self.moments = nn.Linear(dim, TEMPORAL_WIDTH)
        for table in (self.since, self.count, self.country, self.locale):
            nn.init.normal_(table.weight, std=0.02)
        nn.init.normal_(self.moments.weight, std=0.01)
        nn.init.zeros_(self.moments.bias)

    @torch.no_grad()
    def calibrate(self, queries: QueryInputs, features: Tensor) -> None:
        """Set the mean queries, and the features' means and standard deviations.

        Args:
            queries: All queries.
            features: `(examples, f)`, NaN where unknown.
        """
        for name in self.query_names:
            self._get_pooling(name).calibrate(queries.content[name][queries.present[name]])
        z = compress_features(features)
        known = ~z.isnan()
        count = known.sum(0).clamp(min=1)
        mean = z.nan_to_num(0.0).sum(0) / count
        spread = ((z - mean).nan_to_num(0.0).square().sum(0) / count).sqrt()
        self.feature_mean.copy_(mean)
        # a feature that never varies must not be divided by zero
        self.feature_scale.copy_(torch.where(spread > 1e-6, spread, torch.ones_like(spread)))

    def forward(
        self, inputs: UserInputs, queries: QueryInputs, item_vectors: Tensor, item_tower: ItemTower
    ) -> UserOutput:
        """Return the users' vectors.

        Args:
            inputs: `n` examples.
            queries: All queries.
            item_vectors: `(items, d)` the item tower's vectors; tokens of a sequence are rows of it.
            item_tower: Item tower whose projections the queries share.
        """
        parts: list[Tensor] = []
        masks: list[Tensor] = []
        different, place = torch.unique(inputs.queries, return_inverse=True)  # place: (n, q)
        for name in self.query_names:
            is_known = queries.present[name][inputs.queries]  # (n, q)
            space = ITEM_SPACE_OF_QUERY[name]
            shared = item_tower.enter[space] if space in item_tower.content_names else None
            assert shared is None or isinstance(shared, InputProjection)
            pooled, has_query = self._get_pooling(name)(
                queries.content[name][different], place, is_known, inputs.days_since_query, shared
            )  # (n, d), (n,)
            parts.append(pooled)
            masks.append(self._drop_at_random(has_query, self.query_dropout))
        if BEHAVIOUR in self.modality_names:
            parts.append(self._encode_behaviour(inputs, item_vectors))
            masks.append(inputs.end > 0)
        if PROFILE in self.modality_names:
            parts.append(self._encode_profile(inputs.profiles))
            masks.append(torch.ones_like(inputs.end, dtype=torch.bool))
        fused = self.fusion(torch.stack(parts, 1), torch.stack(masks, 1))  # (n, d) from (n, m, d)
        state = (
            fused.vector
            + self.since(bucket_days(inputs.days_since_event))
            + self.count(bucket_counts(inputs.history_length))
        )
        vectors = fused.vector + self.leave(state)  # (n, d)
        return UserOutput(vectors, self.moments(torch.tanh(vectors)), fused.weights)

    def _encode_behaviour(self, inputs: UserInputs, item_vectors: Tensor) -> Tensor:
        """Return `(n, d)` states after each example's last known token; state 0 of a window for none."""
        states, first, count = [], torch.zeros_like(inputs.tokens[:, 0]), 0
        for rows, length in group_by_length(inputs.days):
            tokens = torch.nn.functional.embedding(inputs.tokens[rows, :length], item_vectors)  # (g, l, d)
            group = self.sequence(tokens, inputs.kinds[rows, :length], inputs.days[rows, :length])
            states.append(group.flatten(0, 1))  # (g * (1 + l), d)
            # where each window's states begin in the concatenation
            first[rows] = count + torch.arange(len(rows), device=rows.device) * (1 + length)
            count += len(states[-1])
        return torch.nn.functional.embedding(first[inputs.window] + inputs.end, torch.cat(states))

    def _encode_profile(self, profiles: UserProfiles) -> Tensor:
        """Return `(n, d)` of features, country and language; unknown features are means with a mask of 0."""
        z = (compress_features(profiles.features) - self.feature_mean) / self.feature_scale  # (n, f)
        known = ~z.isnan()
        ones = torch.ones_like(profiles.country, dtype=z.dtype).unsqueeze(1)
        limited = z.nan_to_num(0.0).clamp(-FEATURE_LIMIT, FEATURE_LIMIT)
        features = torch.cat([limited, known.to(z.dtype), ones], 1)  # (n, 2 f + 1)
        profile: Tensor = (
            self.features(features) + self.country(profiles.country) + self.locale(profiles.locale)
        )
        return profile

    def _drop_at_random(self, present: Tensor, dropout: float) -> Tensor:
        """Hide a modality of some examples in training, so that the network does not depend on it."""
        if not (self.training and dropout):
            return present
        return present & (torch.rand(len(present), device=present.device) >= dropout)

    def _get_pooling(self, name: str) -> QueryPooling:
        """Return the pooling of a query modality, typed."""
        pooling = self.intents[name]
        assert isinstance(pooling, QueryPooling)
        return pooling


def compress_features(features: Tensor) -> Tensor:
    """Return `sign(x) log(1 + |x|)`: counts and prices have long tails."""
    return features.sign() * features.abs().log1p()


def bucket_counts(counts: Tensor) -> Tensor:
    """Return the bucket of each count, by powers of two: 0, 1-2, 3-6, 7-14 …."""
    return torch.log2(counts.float() + 1).floor().long().clamp(max=COUNT_BUCKETS - 1)
