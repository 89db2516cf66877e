"""Batching: examples with their sequence windows, as the arrays that the user tower reads.

An example is a user at one time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.dataset import DAY_SECONDS, BoolArray, Dataset, FloatArray, IntArray
from models.network.data_signature import DataSignature
from models.network.inputs import build_user_profiles
from models.network.iterative_inference import Evidence, ItemBags
from models.network.user_sequences import ItemEvents, UserSequences
from models.network.user_tower import UserInputs

DAYS_SINCE_NEVER = 1e6
"""Days since an event that never happened: finite, so that differences stay numbers."""


@dataclass(frozen=True)
class SequenceWindows:
    """User sequences cut into windows that a sequence encoder can hold, and the examples of each window.

    A window begins every `stride` tokens and has `length` of them. An example belongs to the first window in
    which all its known tokens end, or the user's first window: so it sees between `length - stride` and
    `length` tokens, or all. One pass over a window thus serves all its examples.

    Args:
        first: `(windows,)` each window's first token.
        user: `(windows,)`.
        example_start: `(windows + 1,)` where each window's examples begin in `order`.
        order: `(examples,)` examples sorted by window.
        known_end: `(examples,)` one past the last known token, by example.
    """

    first: IntArray
    user: IntArray
    example_start: IntArray
    order: IntArray
    known_end: IntArray

    def __len__(self) -> int:
        return len(self.first)


def cut_windows(
    sequences: UserSequences, users: IntArray, times: IntArray, length: int, stride: int
) -> SequenceWindows:
    """Return the windows that some examples need.

    Args:
        sequences: Sequences of all users.
        users: `(examples,)` index of the user.
        times: `(examples,)` seconds since 1970 UTC.
        length: Tokens of a window at most.
        stride: Tokens between the starts of two windows of a user.
    """
    known_end = sequences.find_token_ends(users, times)
    known = known_end - sequences.start[users]
    window = np.maximum(0, -(-(known - length) // stride))  # -(-a // b) rounds up
    first = sequences.start[users] + window * stride
    order = np.lexsort((times, first, users))
    is_new = np.ones(len(order), bool)
    is_new[1:] = (first[order][1:] != first[order][:-1]) | (users[order][1:] != users[order][:-1])
    starts = np.flatnonzero(is_new)
    return SequenceWindows(
        first[order][starts], users[order][starts], np.append(starts, len(order)), order, known_end
    )


@dataclass(frozen=True)
class SequenceBatcher:
    """Makes `UserInputs` from a dataset's user sequences.

    Args:
        data: Dataset whose users, queries and profiles are read.
        sequences: Sequences of the same data.
        signature: Signature of the network.
        length: Tokens of a window at most.
        max_queries: Latest queries of each user that are read.
        max_evidence: Latest phones that each user chose, and that they were shown, which are read.
    """

    data: Dataset
    sequences: UserSequences
    signature: DataSignature
    length: int
    max_queries: int
    max_evidence: int

    def build_inputs(
        self,
        windows: SequenceWindows,
        chosen: IntArray,
        users: IntArray,
        times: IntArray,
        features: FloatArray,
    ) -> tuple[UserInputs, IntArray]:
        """Return the inputs of all examples of some windows, and which examples these are, by their time.

        Args:
            windows: Windows of all examples.
            chosen: `(b,)` the windows to read.
            users: `(all examples,)` index of the user.
            times: `(all examples,)` seconds since 1970 UTC.
            features: `(all examples, f)` the users' features at these times.
        """
        sequences = self.sequences
        counts = windows.example_start[chosen + 1] - windows.example_start[chosen]
        examples = windows.order[concatenate_ranges(windows.example_start[chosen], counts)]  # (n,)
        # days ascend in a batch, as `multiply_per_day` needs
        by_time = np.argsort(times[examples], kind="stable")
        examples, window = examples[by_time], np.repeat(np.arange(len(chosen)), counts)[by_time]
        who, when, known_end = users[examples], times[examples], windows.known_end[examples]
        first = windows.first[chosen]  # (b,)
        longest = max(1, int((known_end - first[window]).max(initial=0)))
        lengths = np.zeros(len(chosen), np.int64)
        np.maximum.at(lengths, window, known_end - first[window])
        is_token = np.arange(longest) < lengths[:, None]  # (b, l)
        rows = np.where(is_token, first[:, None] + np.arange(longest), 0)  # (b, l)
        empty = not len(sequences.item)
        tokens = np.zeros_like(rows) if empty else sequences.item[rows]
        kinds = np.zeros_like(rows) if empty else sequences.kind[rows]
        # days since the batch's first example: float32 cannot tell minutes apart in days since 1970
        origin = int(when.min()) if len(when) else 0
        days = np.zeros(rows.shape) if empty else (sequences.at[rows] - origin) / DAY_SECONDS
        days = np.where(is_token, days, np.inf)
        has_any = known_end > sequences.start[who]
        latest = sequences.at[np.maximum(known_end - 1, 0)] if not empty else np.zeros(len(who), np.int64)
        since = np.where(has_any, (when - latest) / DAY_SECONDS, DAYS_SINCE_NEVER)
        queries, days_since_query = self._find_latest_queries_before(who, when)
        inputs = UserInputs(
            tokens=torch.from_numpy(np.where(is_token, tokens, 0)),
            kinds=torch.from_numpy(np.where(is_token, kinds, 0)),
            days=torch.from_numpy(days.astype(np.float32)),
            window=torch.from_numpy(window),
            end=torch.from_numpy(known_end - first[window]),
            history_length=torch.from_numpy(known_end - sequences.start[who]),
            days_since_event=torch.from_numpy(since.astype(np.float32)),
            queries=torch.from_numpy(queries),
            days_since_query=torch.from_numpy(days_since_query),
            profiles=build_user_profiles(self.data, self.signature, who, features[examples]),
            evidence=self._build_evidence(who, when),
        )
        return inputs, examples

    def _build_evidence(self, users: IntArray, times: IntArray) -> Evidence:
        """Return what was known of these users' choices before these times."""
        owned = self.data.users.owned_item[users]
        has_phone = owned >= 0
        return Evidence(
            chosen=self._collect_latest_items(self.sequences.chosen, users, times),
            shown=self._collect_latest_items(self.sequences.shown, users, times),
            owned=ItemBags(
                torch.from_numpy(owned[has_phone]), torch.from_numpy(np.cumsum(has_phone) - has_phone)
            ),
        )

    def _collect_latest_items(self, events: ItemEvents, users: IntArray, times: IntArray) -> ItemBags:
        """Return the phones of each user's latest events before each time."""
        first, end = events.find_latest(users, times, self.max_evidence)
        counts = end - first
        return ItemBags(
            torch.from_numpy(events.item[concatenate_ranges(first, counts)]),
            torch.from_numpy(np.cumsum(counts) - counts),
        )

    def sample_queries(self, users: IntArray, times: IntArray, draws: FloatArray) -> tuple[Tensor, Tensor]:
        """Return a random half of each user's latest queries, before their time or after it.

        Args:
            users: `(n,)` index of the user.
            times: `(n,)` seconds since 1970 UTC.
            draws: `(queries,)` one uniform number in [0, 1) for each query of the data: queries below a half
                are taken, and of each user the one with the lowest number in any case.

        Returns:
            `(n, q)` queries (one past the data's last for none), and `(n, q)` days between the time and each.
        """
        rows = self._find_latest_queries(users, self.sequences.query_start[users + 1])
        drawn = np.append(draws, np.inf)[rows]
        is_taken = (drawn < 0.5) | (drawn == drawn.min(1, keepdims=True))
        taken = np.where(is_taken, rows, len(self.sequences.query_at))
        return torch.from_numpy(taken), torch.from_numpy(self._compute_days_between(taken, times))

    def _find_latest_queries_before(self, users: IntArray, times: IntArray) -> tuple[IntArray, FloatArray]:
        """Return `(n, q)` the latest queries before each time, and days since each.

        A query index one past the data's last stands for none.
        """
        rows = self._find_latest_queries(users, self.sequences.find_query_ends(users, times))
        return rows, self._compute_days_between(rows, times)

    def _find_latest_queries(self, users: IntArray, end: IntArray) -> IntArray:
        """Return `(n, q)` each user's latest queries before row `end` of the data.

        A query index one past the data's last stands for none.
        """
        rows = end[:, None] - 1 - np.arange(self.max_queries)
        return np.where(
            rows >= self.sequences.query_start[users][:, None], rows, len(self.sequences.query_at)
        )

    def _compute_days_between(self, queries: IntArray, times: IntArray) -> FloatArray:
        """Return `(n, q)` days between each time and its queries, `DAYS_SINCE_NEVER` where there is none."""
        at = np.append(self.sequences.query_at, 0)[queries]
        days = np.abs(times[:, None] - at) / DAY_SECONDS
        return np.where(queries < len(self.sequences.query_at), days, DAYS_SINCE_NEVER).astype(np.float32)


def find_excluded(data: Dataset, users: IntArray, times: IntArray, columns: IntArray) -> BoolArray:
    """Return `(n, c)` which phones an example's user cannot choose.

    They are those released after the day, and the one that the user owns.

    Args:
        data: Catalogue and users.
        users: `(n,)` index of each example's user.
        times: `(n,)` seconds since 1970 UTC.
        columns: `(c,)` phones, ascending.
    """
    excluded = data.catalogue.released_at[columns][None, :] >= times[:, None] + DAY_SECONDS
    owned = data.users.owned_item[users]
    place = np.minimum(np.searchsorted(columns, owned), len(columns) - 1)
    rows = np.flatnonzero((owned >= 0) & (columns[place] == owned))
    excluded[rows, place[rows]] = True
    return excluded


def concatenate_ranges(first: IntArray, counts: IntArray) -> IntArray:
    """Return `first[0], first[0] + 1, …` for `counts[0]` numbers, then those of the next, and so on."""
    offsets = np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(first, counts) + np.arange(len(offsets)) - offsets
