"""Compiled inner loops of the exact top-N: select possible items by bounds, then score them exactly.

A user's candidates are kept in a small buffer. An item enters it when the upper bound of its score reaches
the user's threshold, which is the n-th highest lower bound seen so far: an item below it has n better ones. A
full buffer is compacted: items that the risen threshold excludes are dropped; where that is not enough (many
equal scores), the rest are scored exactly and only the n best stay.

`buffer` is a tuple of ids `(users, size) int32`, upper and lower bounds `(users, size) float32`, the count of
filled places `(users,) int64` and the threshold `(users,) float32`. All are written.

Numba infers the types, so annotations are `Any`. None of the functions is compiled with `fastmath`: it would
let the compiler reorder additions, and the exact score is defined by their order.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

CHUNK, PART = 128, 16
"""Columns that are tested together for a candidate, and the parts into which a chunk with one is split.

Few chunks hold a candidate once thresholds are high, so most work is one vectorised comparison a chunk."""
MAX_CODE = 127
"""The largest code; -128 is not used, so that codes have the same range on both sides of zero."""
BFLOAT16_SLACK = np.float32(2.0**-8)
"""Approximate scores come as bfloat16: twice what rounding to it can change, as a share of the value."""


@numba.njit(cache=True, nogil=True)
def score_pair(user: Any, item: Any, products: Any) -> Any:
    """Compute the exact score of one pair: products in float64, added in halves.

    Products of two float32 are exact in float64 (24 + 24 significant bits of 53), so it does not matter
    whether the compiler fuses them with the sums.

    Args:
        user: `(d,) float32`.
        item: `(d,) float32`.
        products: Scratch, a power of two long and at least d.
    """
    dim, width = len(user), len(products)
    for k in range(dim):
        products[k] = np.float64(user[k]) * np.float64(item[k])
    for k in range(dim, width):
        products[k] = 0.0
    # Right half onto left half until one number is left: an order that the vector width of a processor does
    # not change, and that numpy and torch can repeat.
    while width > 1:
        width //= 2
        for k in range(width):
            products[k] += products[k + width]
    return np.float32(products[0])


@numba.njit(cache=True, nogil=True)
def score_pairs(users: Any, items: Any, rows: Any, columns: Any, scores: Any) -> None:
    """Fill `scores` with the exact scores of the pairs (rows, columns)."""
    width = 1
    while width < users.shape[1]:
        width *= 2
    products = np.empty(width, np.float64)
    for pair in range(len(rows)):
        scores[pair] = score_pair(users[rows[pair]], items[columns[pair]], products)


@numba.njit(cache=True, nogil=True)
def is_excluded(column: Any, allowed: Any, columns: Any, start: Any, end: Any) -> Any:
    """Return whether an item may not be on a user's list.

    Args:
        column: The item.
        allowed: `(items,)` mask of the user's kind.
        columns: Items excluded for single users, a CSR matrix's indices, sorted for each user.
        start: Where the user's own indices begin.
        end: Where they end.
    """
    if not allowed[column]:
        return True
    stop = end
    while start < end:
        middle = (start + end) // 2
        if columns[middle] < column:
            start = middle + 1
        else:
            end = middle
    return start < stop and columns[start] == column


@numba.njit(cache=True, nogil=True)
def select_best(user: Any, items: Any, ids: Any, count: Any, products: Any, found: Any, scores: Any) -> Any:
    """Write the best of some items by exact score into `found` and `scores`, equal ones by index.

    Args:
        user: `(d,) float32`.
        items: `(items, d) float32`.
        ids: Indices of the items to choose from, in any order.
        count: How many of `ids` there are.
        products: Scratch of `score_pair`.
        found: `(n,) int32`, written, best first.
        scores: `(n,) float32`, written.

    Returns:
        How many places were filled.
    """
    n, filled = len(found), 0
    for place in range(count):
        item = ids[place]
        score = score_pair(user, items[item], products)
        # Insertion sort: n is small, and most items are rejected by this comparison with the last place.
        # Score and index order items totally, so that the result does not depend on the order of `ids`.
        if filled == n and (score < scores[n - 1] or (score == scores[n - 1] and item > found[n - 1])):
            continue
        if filled < n:
            filled += 1
        at = filled - 1
        while at > 0 and (score > scores[at - 1] or (score == scores[at - 1] and item < found[at - 1])):
            scores[at], found[at] = scores[at - 1], found[at - 1]
            at -= 1
        scores[at], found[at] = score, item
    return filled


@numba.njit(cache=True, nogil=True)
def _compact_buffer(row: Any, n: Any, buffer: Any, user: Any, items: Any, products: Any) -> None:
    """Raise a user's threshold and drop what is below it.

    Where that frees too little, only the n best by exact score are kept.
    """
    ids, upper, lower, count, threshold = buffer
    size = count[row]
    if size >= n:
        nth = np.partition(lower[row, :size], size - n)[size - n]
        threshold[row] = max(threshold[row], nth)
    kept = 0
    for place in range(size):
        if upper[row, place] >= threshold[row]:
            ids[row, kept], upper[row, kept], lower[row, kept] = (
                ids[row, place],
                upper[row, place],
                lower[row, place],
            )
            kept += 1
    # Less than half of the room beyond n was freed, so the next compaction would come soon. With many equal
    # scores no bound tells items apart; exact scores and the tie order do.
    if kept > (ids.shape[1] + n) // 2:
        found, scores = np.empty(n, np.int32), np.empty(n, np.float32)
        select_best(user, items, ids[row], kept, products, found, scores)
        last = 0
        for place in range(kept):
            if (found == ids[row, place]).any():
                ids[row, last], upper[row, last], lower[row, last] = (
                    ids[row, place],
                    upper[row, place],
                    lower[row, place],
                )
                last += 1
        kept = last
    count[row] = kept


@numba.njit(cache=True, nogil=True)
def _compute_chunk_maxima(values: Any) -> Any:
    """Return the largest value of each chunk of columns."""
    most = np.empty((len(values) + CHUNK - 1) // CHUNK, values.dtype)
    for chunk in range(len(most)):
        most[chunk] = values[chunk * CHUNK : (chunk + 1) * CHUNK].max()
    return most


@numba.njit(cache=True, nogil=True)
def _chunk_reaches(values: Any, least: Any) -> Any:
    """Return whether one of `CHUNK` values is at least `least`.

    A fixed length and or-ing integers let LLVM vectorise the loop.
    """
    hits = np.int16(0)
    for at in range(CHUNK):
        hits |= np.int16(values[at] >= least)
    return hits


@numba.njit(cache=True, nogil=True)
def _part_reaches(values: Any, least: Any) -> Any:
    """Return whether one of `PART` values is at least `least`."""
    hits = np.int16(0)
    for at in range(PART):
        hits |= np.int16(values[at] >= least)
    return hits


@numba.njit(cache=True, nogil=True)
def init_thresholds(
    approximate: Any,
    item_bounds: Any,
    user_bounds: Any,
    n: Any,
    buffer: Any,
    masks: Any,
    first: Any,
    place: Any,
) -> None:
    """Give each user a threshold from the first tile, so that few of its items become candidates.

    Columns are dealt into groups; the largest lower bound of each group belongs to a different item, so that
    n items reach the n-th highest of them.

    Args:
        approximate: As for `gather_candidates`.
        item_bounds: As for `gather_candidates`.
        user_bounds: As for `gather_candidates`.
        n: Length of the lists.
        buffer: Its thresholds are written.
        masks: As for `gather_candidates`.
        first: `(kinds, tile) float32`, zero, or minus infinity for an item that a kind of user may not get.
        place: `(items,)` the column of each item among all tiles.
    """
    errors, lengths = item_bounds
    threshold, (_, kind, own_start, own) = buffer[4], masks
    width = approximate.shape[1]
    # Three groups or more for each place: with fewer, some of the n best would share a group and the
    # threshold be low.
    groups = 16
    while groups < 3 * n:
        groups *= 2
    if groups > width:
        return  # the tile is too small to tell; thresholds rise while it is read
    values, largest = np.empty(width, np.float32), np.empty(groups, np.float32)
    bits = values.view(np.int32)
    for row in range(len(approximate)):
        found, mask = approximate[row], first[kind[row]]
        by_error, by_length, more = user_bounds[0, row], user_bounds[1, row], user_bounds[2, row]
        # The bits of a bfloat16 are the upper half of the float32 of the same value.
        for at in range(width):
            bits[at] = np.int32(found[at]) << 16
        for at in range(width):
            bound = by_error * errors[at] + by_length * lengths[at] + more
            values[at] += mask[at] - bound - abs(values[at]) * BFLOAT16_SLACK
        for at in range(own_start[row], own_start[row + 1]):
            if place[own[at]] < width:
                values[place[own[at]]] = -np.inf
        # Group g holds the columns g, g + groups, ...: comparing whole rows of groups vectorises.
        largest[:] = values[:groups]
        for begin in range(groups, width - groups + 1, groups):
            part = values[begin : begin + groups]
            for at in range(groups):
                largest[at] = part[at] if part[at] > largest[at] else largest[at]
        threshold[row] = np.partition(largest, groups - n)[groups - n]


@numba.njit(cache=True, nogil=True)
def gather_candidates(
    approximate: Any,
    columns: Any,
    item_bounds: Any,
    user_bounds: Any,
    n: Any,
    buffer: Any,
    masks: Any,
    users: Any,
    items: Any,
) -> None:
    """Add the items of one tile that could be among the n best to each user's buffer.

    Args:
        approximate: `(users, tile) int16` bits of bfloat16 inner products, in units of the user's step.
        columns: `(tile,)` index of each column's item.
        item_bounds: `(2, tile) float32`: error and length of each item.
        user_bounds: `(3, users) float32`: what the item's error and length are multiplied by, and what is
            added.
        n: Length of the lists.
        buffer: Candidates, see the module.
        masks: `(kinds, items)` allowed, `(users,)` kind, and the items excluded for single users as CSR.
        users: `(users, d) float32`.
        items: `(items, d) float32`.
    """
    errors, lengths = item_bounds
    ids, upper, lower, count, threshold = buffer
    allowed, kind, own_start, own = masks
    width = 1
    while width < users.shape[1]:
        width *= 2
    products = np.empty(width, np.float64)
    number = np.empty(1, np.float32)
    bits = number.view(np.int32)
    most_error, most_length = _compute_chunk_maxima(errors), _compute_chunk_maxima(lengths)
    for row in range(len(count)):
        by_error, by_length, more = user_bounds[0, row], user_bounds[1, row], user_bounds[2, row]
        values = approximate[row]
        for chunk in range(len(most_error)):
            start = chunk * CHUNK
            end = min(start + CHUNK, len(columns))
            # One bound for the whole chunk, from its largest error and length, lets integers be compared
            # instead of numbers: the bits of positive floats are in the order of the floats, and those of
            # negative ones are negative. Cutting off the lower half of the bits rounds the bound down, so
            # that no candidate is lost. A bound of zero or less lets every item through to the full test
            # below.
            number[0] = threshold[row] - (
                by_error * most_error[chunk] + by_length * most_length[chunk] + more
            )
            number[0] -= abs(number[0]) * BFLOAT16_SLACK
            least = np.int16(bits[0] >> 16) if number[0] > 0 else np.int16(-32768)
            if end - start == CHUNK and not _chunk_reaches(values[start:end], least):
                continue
            for first in range(start, end, PART):
                last = min(first + PART, end)
                if last - first == PART and not _part_reaches(values[first:last], least):
                    continue
                for at in range(first, last):
                    if values[at] < least:
                        continue
                    bits[0] = np.int32(values[at]) << 16
                    value = number[0]
                    bound = (
                        by_error * errors[at] + by_length * lengths[at] + more + abs(value) * BFLOAT16_SLACK
                    )
                    # `not >=` also rejects NaN; the costly look-up of the masks comes last.
                    if not value + bound >= threshold[row] or is_excluded(
                        columns[at], allowed[kind[row]], own, own_start[row], own_start[row + 1]
                    ):
                        continue
                    if count[row] == ids.shape[1]:
                        _compact_buffer(row, n, buffer, users[row], items, products)
                        if not value + bound >= threshold[row]:
                            continue
                    place = count[row]
                    ids[row, place], upper[row, place], lower[row, place] = (
                        columns[at],
                        value + bound,
                        value - bound,
                    )
                    count[row] = place + 1


@numba.njit(cache=True, nogil=True)
def rank_candidates(n: Any, buffer: Any, users: Any, items: Any, found: Any, scores: Any) -> None:
    """Write the n best of each user's candidates by exact score into `found` and `scores`.

    Args:
        n: Length of the lists.
        buffer: Candidates, see the module.
        users: `(users, d) float32`.
        items: `(items, d) float32`.
        found: `(users, n) int32`, filled with -1 before.
        scores: `(users, n) float32`, filled with minus infinity before.
    """
    ids, _, _, count, _ = buffer
    width = 1
    while width < users.shape[1]:
        width *= 2
    products = np.empty(width, np.float64)
    for row in range(len(count)):
        _compact_buffer(row, n, buffer, users[row], items, products)
        select_best(users[row], items, ids[row], count[row], products, found[row], scores[row])


@numba.njit(cache=True, nogil=True)
def rank_candidate_pairs(users: Any, items: Any, starts: Any, columns: Any, found: Any, scores: Any) -> None:
    """Write the n best of each user's candidates, given as CSR, as `rank_candidates` does.

    Args:
        users: `(users, d) float32`.
        items: `(items, d) float32`.
        starts: `(users + 1,)` where each user's candidates begin in `columns`.
        columns: Indices of items.
        found: `(users, n) int32`, filled with -1 before.
        scores: `(users, n) float32`, filled with minus infinity before.
    """
    width = 1
    while width < users.shape[1]:
        width *= 2
    products = np.empty(width, np.float64)
    for row in range(len(users)):
        mine = columns[starts[row] : starts[row + 1]]
        select_best(users[row], items, mine, len(mine), products, found[row], scores[row])


@numba.njit(cache=True, nogil=True)
def quantize_rows(values: Any, factor: Any, centre: Any, codes: Any, facts: Any) -> None:
    """Round each row of `values * factor - centre` to multiples of the 127th part of its largest number.

    Args:
        values: `(rows, d) float32`.
        factor: `(d,) float64`.
        centre: `(d,) float64`.
        codes: `(rows, d) int8`, written: the multiples, between -127 and 127.
        facts: `(4, rows) float64`, written: length before centring, step, length of the error, length of the
            rounded.
    """
    dim = values.shape[1]
    exact = np.empty(dim, np.float64)
    for row in range(len(values)):
        length, most, error, rounded = 0.0, 0.0, 0.0, 0.0
        for k in range(dim):
            value = np.float64(values[row, k]) * factor[k]
            length += value * value
            exact[k] = value - centre[k]
            most = max(most, abs(exact[k]))
        step = most / MAX_CODE if most > 0 else 1.0
        for k in range(dim):
            code = np.rint(exact[k] / step)
            codes[row, k] = np.int8(code)
            error += (exact[k] - code * step) ** 2
            rounded += (code * step) ** 2
        facts[0, row], facts[1, row] = np.sqrt(length), step
        facts[2, row], facts[3, row] = np.sqrt(error), np.sqrt(rounded)
