"""Turns questions into the arrays that the user tower reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.data import BoolArray, Dataset, FloatArray, IntArray
from models.network.data_signature import Signature
from models.network.inputs import profiles_of
from models.network.iterative_inference import Evidence, Trace
from models.network.user_sequences import DAY, Stories, Trail
from models.network.user_tower import Reading

LONG_AGO = 1e6
"""Days that stand for never."""


@dataclass(frozen=True)
class Passages:
    """Stories cut into pieces that a sequence encoder can hold, and the questions about each piece.

    A piece begins every `stride` tokens and has `length` of them. A question goes to the first piece in which all
    known tokens end, or the user's first piece: so it sees between `length - stride` and `length` tokens, or all.

    Args:
        first: `(passages,)` each piece's first token.
        user: `(passages,)`.
        question_start: `(passages + 1,)` where each piece's questions begin.
        order: `(questions,)` questions sorted by piece.
        known: `(questions,)` one past the last known token, by question.
    """

    first: IntArray
    user: IntArray
    question_start: IntArray
    order: IntArray
    known: IntArray

    def __len__(self) -> int:
        return len(self.first)


def cut(stories: Stories, users: IntArray, moments: IntArray, length: int, stride: int) -> Passages:
    """The pieces that are needed to answer these questions."""
    known = stories.known(users, moments)
    told = known - stories.start[users]
    piece = np.maximum(0, -(-(told - length) // stride))
    first = stories.start[users] + piece * stride
    order = np.lexsort((moments, first, users))
    is_new = np.ones(len(order), bool)
    is_new[1:] = (first[order][1:] != first[order][:-1]) | (users[order][1:] != users[order][:-1])
    begins = np.flatnonzero(is_new)
    return Passages(first[order][begins], users[order][begins], np.append(begins, len(order)), order, known)


@dataclass(frozen=True)
class Reader:
    """Makes `Reading`s from a dataset's stories.

    Args:
        length: Tokens of a passage at most.
        queries: Latest queries of each user that are read.
        evidence: Latest phones that each user chose, and that they were shown, which are read.
    """

    data: Dataset
    stories: Stories
    signature: Signature
    length: int
    queries: int
    evidence: int

    def read(
        self,
        passages: Passages,
        chosen: IntArray,
        users: IntArray,
        moments: IntArray,
        features: FloatArray,
    ) -> tuple[Reading, IntArray]:
        """The reading of some passages, and which questions it holds, by their moment.

        Args:
            chosen: Passages.
            users, moments: Of all questions.
            features: `(all questions, f)` the askers' features when they asked.
        """
        story = self.stories
        counts = passages.question_start[chosen + 1] - passages.question_start[chosen]
        asked = passages.order[ranges(passages.question_start[chosen], counts)]
        by_time = np.argsort(moments[asked], kind="stable")
        asked, place = asked[by_time], np.repeat(np.arange(len(chosen)), counts)[by_time]
        who, when, known = users[asked], moments[asked], passages.known[asked]
        first = passages.first[chosen]
        longest = max(1, int((known - first[place]).max(initial=0)))
        last = np.zeros(len(chosen), np.int64)
        np.maximum.at(last, place, known - first[place])
        rows = first[:, None] + np.arange(longest)
        is_there = np.arange(longest) < last[:, None]
        rows = np.where(is_there, rows, 0)
        empty = not len(story.item)
        tokens = np.zeros_like(rows) if empty else story.item[rows]
        kinds = np.zeros_like(rows) if empty else story.kind[rows]
        origin = int(when.min()) if len(when) else 0
        days = np.zeros(rows.shape) if empty else (story.at[rows] - origin) / DAY
        days = np.where(is_there, days, np.inf)
        has_any = known > story.start[who]
        latest = story.at[np.maximum(known - 1, 0)] if not empty else np.zeros(len(who), np.int64)
        since = np.where(has_any, (when - latest) / DAY, LONG_AGO)
        query, query_since = self._asked(who, when)
        reading = Reading(
            tokens=torch.from_numpy(np.where(is_there, tokens, 0)),
            kinds=torch.from_numpy(np.where(is_there, kinds, 0)),
            days=torch.from_numpy(days.astype(np.float32)),
            passage=torch.from_numpy(place),
            end=torch.from_numpy(known - first[place]),
            known=torch.from_numpy(known - story.start[who]),
            since=torch.from_numpy(since.astype(np.float32)),
            queries=torch.from_numpy(query),
            query_since=torch.from_numpy(query_since),
            profiles=profiles_of(self.data, self.signature, who, features[asked]),
            evidence=self._evidence(who, when),
        )
        return reading, asked

    def _evidence(self, users: IntArray, moments: IntArray) -> Evidence:
        """What was known of these users' choices before these moments."""
        owned = self.data.users.owned_item[users]
        has = owned >= 0
        return Evidence(
            chosen=self._trace(self.stories.chosen, users, moments),
            shown=self._trace(self.stories.shown, users, moments),
            owned=Trace(torch.from_numpy(owned[has]), torch.from_numpy(np.cumsum(has) - has)),
        )

    def _trace(self, trail: Trail, users: IntArray, moments: IntArray) -> Trace:
        first, end = trail.latest(users, moments, self.evidence)
        counts = end - first
        return Trace(
            torch.from_numpy(trail.item[ranges(first, counts)]),
            torch.from_numpy(np.cumsum(counts) - counts),
        )

    def ever_asked(self, users: IntArray, moments: IntArray, luck: FloatArray) -> tuple[Tensor, Tensor]:
        """`(n, q)` some of all that these users ask, before a moment or after it, and days between it and each.

        Args:
            luck: `(queries,)` of each query of the data, in [0, 1): those below a half are heard, and of each user the
                luckiest in any case.
        """
        rows = self._latest_queries(users, self.stories.query_start[users + 1])
        drawn = np.append(luck, np.inf)[rows]
        is_heard = (drawn < 0.5) | (drawn == drawn.min(1, keepdims=True))
        heard = np.where(is_heard, rows, len(self.stories.query_at))
        return torch.from_numpy(heard), torch.from_numpy(self._days_from(heard, moments))

    def _asked(self, users: IntArray, moments: IntArray) -> tuple[IntArray, FloatArray]:
        """`(n, q)` the latest queries before each moment (one past the last for none), and days since each."""
        rows = self._latest_queries(users, self.stories.asked(users, moments))
        return rows, self._days_from(rows, moments)

    def _latest_queries(self, users: IntArray, end: IntArray) -> IntArray:
        """`(n, q)` the latest queries of each user before a place in the data; one past the data's last for none."""
        rows = end[:, None] - 1 - np.arange(self.queries)
        return np.where(rows >= self.stories.query_start[users][:, None], rows, len(self.stories.query_at))

    def _days_from(self, queries: IntArray, moments: IntArray) -> FloatArray:
        """`(n, q)` days between each moment and its queries."""
        at = np.append(self.stories.query_at, 0)[queries]
        days = np.abs(moments[:, None] - at) / DAY
        return np.where(queries < len(self.stories.query_at), days, LONG_AGO).astype(np.float32)


def barred_of(data: Dataset, users: IntArray, moments: IntArray, columns: IntArray) -> BoolArray:
    """`(n, c)`: phones that come out after the day asked about, and the one that the asker owns.

    Args:
        users, moments: Of `n` questions.
        columns: `(c,)` phones, ascending.
    """
    barred = data.catalogue.released_at[columns][None, :] >= moments[:, None] + DAY
    owned = data.users.owned_item[users]
    place = np.minimum(np.searchsorted(columns, owned), len(columns) - 1)
    has = np.flatnonzero((owned >= 0) & (columns[place] == owned))
    barred[has, place[has]] = True
    return barred


def ranges(first: IntArray, counts: IntArray) -> IntArray:
    """`first[0], first[0] + 1, …` for `counts[0]` numbers, then those of the next, and so on."""
    offsets = np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(first, counts) + np.arange(len(offsets)) - offsets
