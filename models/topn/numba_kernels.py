"""The inner loops of the exact top-N, compiled: keep what could be among the best, then score that exactly.

A user's candidates live in a small buffer. An item enters it when the upper bound of its score reaches the user's
threshold, which is the n-th highest lower bound seen so far: whatever lies below it has n better items. A full buffer
is cleared of what the risen threshold excludes; where that is not enough (many equal scores), its items are scored
exactly and only the n best stay.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

CHUNK, PART = 128, 16
"""Columns that are looked at together, and parts of them where something was found."""
MOST = 127
"""The largest code."""
LESS = np.float32(2.0**-8)
"""Approximate scores come as bfloat16: twice what rounding to it can change, of the value."""


@numba.njit(cache=True, nogil=True)
def exact_score(user: Any, item: Any, products: Any) -> Any:
    """The exact score of one pair: products in float64, folded in halves; `products` is scratch, a power of two long.

    Products of two float32 are exact in float64, so it does not matter whether the compiler fuses them with the sums.
    """
    dim, width = len(user), len(products)
    for k in range(dim):
        products[k] = np.float64(user[k]) * np.float64(item[k])
    for k in range(dim, width):
        products[k] = 0.0
    while width > 1:
        width //= 2
        for k in range(width):
            products[k] += products[k + width]
    return np.float32(products[0])


@numba.njit(cache=True, nogil=True)
def exact_pairs(users: Any, items: Any, rows: Any, columns: Any, scores: Any) -> None:
    """Fill `scores` with the exact scores of the pairs (rows, columns)."""
    width = 1
    while width < users.shape[1]:
        width *= 2
    products = np.empty(width, np.float64)
    for pair in range(len(rows)):
        scores[pair] = exact_score(users[rows[pair]], items[columns[pair]], products)


@numba.njit(cache=True, nogil=True)
def is_barred(column: Any, allowed: Any, columns: Any, start: Any, end: Any) -> Any:
    """Whether a user may not have an item: masked for the user's kind, or among the user's own sorted columns."""
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
def best_exact(user: Any, items: Any, ids: Any, count: Any, products: Any, found: Any, scores: Any) -> Any:
    """The best of some items by exact score, equal ones by index, into `found` and `scores`; returns how many."""
    n, filled = len(found), 0
    for place in range(count):
        item = ids[place]
        score = exact_score(user, items[item], products)
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
def _compact(row: Any, n: Any, buffer: Any, user: Any, items: Any, products: Any) -> None:
    """Raise a user's threshold and drop what is below it; with too little gained, keep the n best by exact score."""
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
    if kept > (ids.shape[1] + n) // 2:
        found, scores = np.empty(n, np.int32), np.empty(n, np.float32)
        best_exact(user, items, ids[row], kept, products, found, scores)
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
def _chunk_maxima(values: Any) -> Any:
    """The largest value of each chunk of columns."""
    most = np.empty((len(values) + CHUNK - 1) // CHUNK, values.dtype)
    for chunk in range(len(most)):
        most[chunk] = values[chunk * CHUNK : (chunk + 1) * CHUNK].max()
    return most


@numba.njit(cache=True, nogil=True)
def _chunk_reaches(values: Any, least: Any) -> Any:
    """Whether one of `CHUNK` values does; a fixed length, and or-ing integers, are what compilers make wide."""
    hits = np.int16(0)
    for at in range(CHUNK):
        hits |= np.int16(values[at] >= least)
    return hits


@numba.njit(cache=True, nogil=True)
def _part_reaches(values: Any, least: Any) -> Any:
    """The same of `PART` values."""
    hits = np.int16(0)
    for at in range(PART):
        hits |= np.int16(values[at] >= least)
    return hits


@numba.njit(cache=True, nogil=True)
def start(
    approximate: Any,
    item_bounds: Any,
    user_bounds: Any,
    n: Any,
    buffer: Any,
    barred: Any,
    allowed: Any,
    place: Any,
) -> None:
    """Give each user a threshold from the first tile, so that few of its items become candidates.

    Of the largest lower bounds of groups of columns the n-th highest is reached by n different items.

    Args:
        approximate: As for `gather`, and so are the bounds, the candidates and what is barred.
        allowed: `(kinds, tile)` zero, or minus infinity for an item that may not be had.
        place: `(items,)` the column of each item among all tiles.
    """
    errors, lengths = item_bounds
    threshold, (_, kind, own_start, own) = buffer[4], barred
    width = approximate.shape[1]
    groups = 16
    while groups < 3 * n:
        groups *= 2
    if groups > width:
        return
    values, largest = np.empty(width, np.float32), np.empty(groups, np.float32)
    bits = values.view(np.int32)
    for row in range(len(approximate)):
        found, mask = approximate[row], allowed[kind[row]]
        by_error, by_length, more = user_bounds[0, row], user_bounds[1, row], user_bounds[2, row]
        for at in range(width):
            bits[at] = np.int32(found[at]) << 16
        for at in range(width):
            bound = by_error * errors[at] + by_length * lengths[at] + more
            values[at] += mask[at] - bound - abs(values[at]) * LESS
        for at in range(own_start[row], own_start[row + 1]):
            if place[own[at]] < width:
                values[place[own[at]]] = -np.inf
        largest[:] = values[:groups]
        for begin in range(groups, width - groups + 1, groups):
            part = values[begin : begin + groups]
            for at in range(groups):
                largest[at] = part[at] if part[at] > largest[at] else largest[at]
        threshold[row] = np.partition(largest, groups - n)[groups - n]


@numba.njit(cache=True, nogil=True)
def gather(
    approximate: Any,
    columns: Any,
    item_bounds: Any,
    user_bounds: Any,
    n: Any,
    buffer: Any,
    barred: Any,
    users: Any,
    items: Any,
) -> None:
    """Look through one tile of approximate scores for candidates.

    Args:
        approximate: `(users, tile) int16` bits of bfloat16 inner products, in units of the user's step.
        columns: `(tile,)` index of each column's item.
        item_bounds: `(2, tile) float32`: error and length of each item.
        user_bounds: `(3, users) float32`: what the item's error and length are multiplied by, and what is added.
        buffer: Candidates, see `Buffer`.
        barred: `(kinds, items)` allowed, `(users,)` kind, and the users' own barred columns as CSR.
    """
    errors, lengths = item_bounds
    ids, upper, lower, count, threshold = buffer
    allowed, kind, own_start, own = barred
    width = 1
    while width < users.shape[1]:
        width *= 2
    products = np.empty(width, np.float64)
    number = np.empty(1, np.float32)
    bits = number.view(np.int32)
    most_error, most_length = _chunk_maxima(errors), _chunk_maxima(lengths)
    for row in range(len(count)):
        by_error, by_length, more = user_bounds[0, row], user_bounds[1, row], user_bounds[2, row]
        values = approximate[row]
        for chunk in range(len(most_error)):
            start = chunk * CHUNK
            end = min(start + CHUNK, len(columns))
            # Bits of positive numbers are in the order of the numbers, and those of negative ones are negative.
            number[0] = threshold[row] - (
                by_error * most_error[chunk] + by_length * most_length[chunk] + more
            )
            number[0] -= abs(number[0]) * LESS
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
                    bound = by_error * errors[at] + by_length * lengths[at] + more + abs(value) * LESS
                    if not value + bound >= threshold[row] or is_barred(
                        columns[at], allowed[kind[row]], own, own_start[row], own_start[row + 1]
                    ):
                        continue
                    if count[row] == ids.shape[1]:
                        _compact(row, n, buffer, users[row], items, products)
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
def finish(n: Any, buffer: Any, users: Any, items: Any, found: Any, scores: Any) -> None:
    """The exact n best of each user's candidates into `found` and `scores`, which hold -1 and minus infinity."""
    ids, _, _, count, _ = buffer
    width = 1
    while width < users.shape[1]:
        width *= 2
    products = np.empty(width, np.float64)
    for row in range(len(count)):
        _compact(row, n, buffer, users[row], items, products)
        best_exact(users[row], items, ids[row], count[row], products, found[row], scores[row])


@numba.njit(cache=True, nogil=True)
def best_of_pairs(users: Any, items: Any, starts: Any, columns: Any, found: Any, scores: Any) -> None:
    """The same from candidates as CSR: each user's columns lie between two of the `starts`."""
    width = 1
    while width < users.shape[1]:
        width *= 2
    products = np.empty(width, np.float64)
    for row in range(len(users)):
        mine = columns[starts[row] : starts[row + 1]]
        best_exact(users[row], items, mine, len(mine), products, found[row], scores[row])


@numba.njit(cache=True, nogil=True)
def round_rows(values: Any, factor: Any, centre: Any, codes: Any, facts: Any) -> None:
    """Write each row of `values * factor - centre` as multiples of its 127th part.

    Args:
        facts: `(4, rows) float64`, written: length before centring, step, length of the error, length of the rounded.
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
        step = most / MOST if most > 0 else 1.0
        for k in range(dim):
            code = np.rint(exact[k] / step)
            codes[row, k] = np.int8(code)
            error += (exact[k] - code * step) ** 2
            rounded += (code * step) ** 2
        facts[0, row], facts[1, row] = np.sqrt(length), step
        facts[2, row], facts[3, row] = np.sqrt(error), np.sqrt(rounded)
