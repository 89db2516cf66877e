"""The weighted hybrid: a sum of standardised members, with weights learned for each activity segment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.collaborative.base import Member
from models.dataset import BoolArray, Dataset, FloatArray, IntArray, StringArray
from models.hybrids.segments import assign_segments
from models.hybrids.standardisation import multiply_factors, standardise_factors
from models.recommender_interface import Factors, Recommender

Weights = Mapping[str, float]

COLD_TERM = "cold"
"""A term that weights may name instead of a member: 1 for items that no behavioural member knows, else 0."""
COLD_SUFFIX = "|cold"
"""Suffix of a member's name in weights: the term is that member's scores of those items alone."""


def find_cold_items(members: Mapping[str, Recommender], data: Dataset) -> BoolArray:
    """Find the items of which no member that learns items by id has seen an event.

    Returns:
        `(items,)`; all False without such members.
    """
    known = [
        member.item_ids for member in members.values() if isinstance(member, Member) and len(member.item_ids)
    ]
    if not known:
        return np.zeros(len(data.catalogue), bool)
    return ~np.isin(data.catalogue.item_ids, np.unique(np.concatenate(known)))


def make_cold_factors(member: Factors | None, cold: BoolArray, users: int) -> Factors:
    """Return standardised factors over cold items; without a member, each of them scores 1."""
    if member is None:
        return Factors(np.ones((users, 1), np.float32), cold.astype(np.float32)[:, None])
    return Factors(member.users, member.items * cold[:, None])


@dataclass(frozen=True)
class Blend:
    """A blend: `score(u, i) = sum over members m of weight[segment(u), m] * standardised score_m(u, i)`.

    Behavioural members score items without events as average. So the blend has further weights for those
    items alone: of members that can score them (`content|cold`), and of being cold (`cold`).

    It stays factored: the members' factors are concatenated, each user's part times the weight of their
    segment.

    Args:
        members: Fitted members by name; those without a weight in any segment are not used.
        weights: For each segment the weights of its members; missing ones are 0.
        bounds: Lower ends of the activity segments.
    """

    members: Mapping[str, Recommender]
    weights: Mapping[str, Weights]
    bounds: Sequence[int]
    name: str = "weighted"

    @property
    def used_members(self) -> list[str]:
        """Names of the members with a weight in some segment, sorted."""
        return sorted({name.removesuffix(COLD_SUFFIX) for name in self._terms if name != COLD_TERM})

    @property
    def _terms(self) -> list[str]:
        """Names with a weight in some segment: members, members of cold items, and `cold`; sorted."""
        return sorted({name for part in self.weights.values() for name, weight in part.items() if weight})

    def segments(self, data: Dataset, users: IntArray) -> StringArray:
        """Return `(users,)` each user's segment."""
        return assign_segments(data, users, self.bounds)

    def name_sources(self, data: Dataset, users: IntArray) -> StringArray:
        """Return `(users,)` members behind each user's scores, largest weight first: `fusion+item_cosine`."""
        names = {
            segment: "+".join(
                sorted((m for m, w in part.items() if w and m in self.members), key=lambda m: (-part[m], m))
            )
            for segment, part in self.weights.items()
        }
        return np.array([names[segment] for segment in self.segments(data, users)], dtype=str)

    def factors(self, data: Dataset, users: IntArray) -> Factors:
        """Concatenate the weighted members' factors.

        Raises:
            KeyError: If a weighted member is not among `members`.
        """
        parts = list(self.factors_by_term(data, users).values())
        return Factors(
            np.ascontiguousarray(np.hstack([part.users for part in parts])),
            np.ascontiguousarray(np.hstack([part.items for part in parts])),
        )

    def factors_by_term(self, data: Dataset, users: IntArray) -> dict[str, Factors]:
        """Return the weighted factors of each term, in the order in which `factors` concatenates them.

        The score is the sum of the terms' inner products, so each product is that term's part of it.

        Raises:
            KeyError: If a weighted member is not among `members`.
        """
        found = self.segments(data, users)
        cold = find_cold_items(self.members, data)
        scaled = {
            name: standardise_factors(self.members[name].factors(data, users)) for name in self.used_members
        }
        parts = {}
        for term in self._terms:
            # The users' side carries the weight, because it differs between segments.
            weight = np.array([self.weights[segment].get(term, 0.0) for segment in found], np.float32)
            one = scaled.get(term) or make_cold_factors(
                scaled.get(term.removesuffix(COLD_SUFFIX)), cold, len(users)
            )
            parts[term] = Factors(one.users * weight[:, None], one.items)
        return parts

    def score(self, data: Dataset, users: IntArray) -> FloatArray:
        """Return `(len(users), items) float32` scores."""
        return multiply_factors(self.factors(data, users))
