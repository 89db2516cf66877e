"""Compiled inner loops of the exact top-N: find possible items by bounds, and score them exactly at once.

A first pass gives each pair of a user and an item an approximate score and a bound on its error. While it
runs, each user's n best exact scores so far are kept; an item whose upper bound is below the worst of them
(`limits`) cannot be on the list and is passed over. Any other is scored exactly, so the list is the same
whatever the approximation, and in whatever order items come.

`lists` is a tuple of what is kept of the users of a block, all of it written:

- items `(users, n) int32` and exact scores `(users, n) float32`, a heap with the worst at its root until
  `sort_lists`; -1 and minus infinity in free places;
- limits `(users,) float32` in units of approximate scores;
- `(2, users) float64` by which an exact score becomes one: what is subtracted, and the factor.

`masks` is a tuple of `(kinds, items)` allowed, `(users,)` kind, and the items excluded for single users as
CSR: `(users + 1,)` starts and sorted indices.

Numba infers the types, so annotations are `Any`. None of the functions is compiled with `fastmath`: it would
let the compiler reorder additions, and the exact score is defined by their order.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from models.topn.dot_kernel import score_tile

TILE_WRITER = "85fc3d61c048"
"""Digest of `dot_kernel.py`, which a test compares. Numba keeps compiled kernels until their own file
changes; so whoever changes what is compiled into them has to change this file, too."""
CHUNK = 64
"""Columns that are tested together: few hold a candidate, so most work is one vectorised comparison."""
SEED_ITEMS = 1024
"""Items from which a first limit is found."""
CHECK_ITEMS = 512
"""Items after which users that are finished leave the block."""
ROUNDING, ROUNDED_UP = np.float32(2.0**-22), np.float32(1 + 2.0**-20)
"""More than what a few roundings to float32 change, as a share of the number."""


@numba.njit(cache=True, nogil=True)
def make_scratch(dim: Any) -> Any:
    """Return room for the products of two vectors: a power of two of float64, at least `dim`."""
    width = 1
    while width < dim:
        width *= 2
    return np.empty(width, np.float64)


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
    products = make_scratch(users.shape[1])
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
def find_nth_largest(values: Any, n: Any) -> Any:
    """Return the n-th largest of some numbers; there are at least n. `np.partition` takes 6 s to compile."""
    # The n largest as a heap with the smallest of them at its root.
    heap = np.full(n, -np.inf, np.float32)
    for value in values:
        if not value > heap[0]:
            continue
        at = 0
        while 2 * at + 1 < n:
            child = 2 * at + 1
            if child + 1 < n and heap[child + 1] < heap[child]:
                child += 1
            if heap[child] >= value:
                break
            heap[at] = heap[child]
            at = child
        heap[at] = value
    return heap[0]


@numba.njit(cache=True, nogil=True)
def is_worse(score: Any, item: Any, other_score: Any, other_item: Any) -> Any:
    """Return whether an item comes after another: by score, equal scores by index, and free places last."""
    # -1, a free place, is the largest unsigned number.
    return score < other_score or (score == other_score and np.uint32(item) > np.uint32(other_item))


@numba.njit(cache=True, nogil=True)
def _sift_down(items: Any, scores: Any, size: Any, item: Any, score: Any) -> None:
    """Put an item into a heap in place of its root, which has the worst item."""
    at = 0
    while 2 * at + 1 < size:
        child = 2 * at + 1
        if child + 1 < size and is_worse(scores[child + 1], items[child + 1], scores[child], items[child]):
            child += 1
        if not is_worse(scores[child], items[child], score, item):
            break
        items[at], scores[at] = items[child], scores[child]
        at = child
    items[at], scores[at] = item, score


@numba.njit(cache=True, nogil=True)
def keep_if_better(items: Any, scores: Any, item: Any, score: Any) -> Any:
    """Put an item into a heap of the best in place of the worst, if it is better than that; return if so."""
    if not is_worse(scores[0], items[0], score, item):
        return False
    _sift_down(items, scores, len(items), item, score)
    return True


@numba.njit(cache=True, nogil=True)
def sort_heap(items: Any, scores: Any) -> None:
    """Turn a heap with the worst at its root into a list with the best first."""
    for size in range(len(items) - 1, 0, -1):
        item, score = items[size], scores[size]
        items[size], scores[size] = items[0], scores[0]
        _sift_down(items, scores, size, item, score)


@numba.njit(cache=True, nogil=True)
def sort_lists(items: Any, scores: Any) -> None:
    """Sort the lists of all users, the best first."""
    for row in range(len(items)):
        sort_heap(items[row], scores[row])


@numba.njit(cache=True, nogil=True)
def offer_item(row: Any, column: Any, lists: Any, masks: Any, users: Any, items: Any, products: Any) -> None:
    """Score an item exactly and put it on the user's list, if it may be there and is better than the worst.

    Args:
        row: The user.
        column: The item.
        lists: See the module.
        masks: See the module.
        users: `(users, d) float32`.
        items: `(items, d) float32`.
        products: Scratch of `score_pair`.
    """
    found, scores, limits, conversion = lists
    allowed, kind, own_start, own = masks
    if is_excluded(column, allowed[kind[row]], own, own_start[row], own_start[row + 1]):
        return
    score = score_pair(users[row], items[column], products)
    # Until the list is full its worst score is minus infinity, and so is the limit that it gives.
    if keep_if_better(found[row], scores[row], column, score):
        limit = np.float32((np.float64(scores[row, 0]) - conversion[0, row]) * conversion[1, row])
        limits[row] = max(limits[row], limit)


@numba.njit(cache=True, nogil=True)
def fill_lists_of_zeros(lists: Any, masks: Any, users: Any, items: Any) -> None:
    """Fill the lists of users whose vectors are zero: all items tie, so the first that they may get.

    Their limit becomes infinite, so that no first pass looks for more.
    """
    found, scores, limits, _ = lists
    allowed, kind, own_start, own = masks
    products = make_scratch(users.shape[1])
    for row in range(len(users)):
        if users[row].any():
            continue
        limits[row] = np.inf
        count = 0
        for column in range(len(items)):
            if is_excluded(column, allowed[kind[row]], own, own_start[row], own_start[row + 1]):
                continue
            found[row, count], scores[row, count] = column, score_pair(users[row], items[column], products)
            count += 1
            if count == found.shape[1]:
                break
        # As a heap, which `sort_lists` takes: the worst first.
        found[row], scores[row] = found[row, ::-1].copy(), scores[row, ::-1].copy()


@numba.njit(cache=True, nogil=True)
def count_groups(n: Any) -> Any:
    """Return into how many groups the first items are dealt to find a first limit of n items.

    Three or more for each place: with fewer, some of the n best would share a group and the limit be low.
    """
    groups = 16
    while groups < 3 * n:
        groups *= 2
    return groups


@numba.njit(cache=True, nogil=True)
def raise_maxima(
    row: Any, values: Any, columns: Any, item_bounds: Any, user_bounds: Any, masks: Any, largest: Any
) -> None:
    """Raise the largest lower bound of each group of a user's items.

    The items of groups are different, so that n items reach the n-th highest of the maxima.

    Args:
        row: The user.
        values: `(some,) float32` approximate scores.
        columns: `(some,)` index of each value's item, -1 for none.
        item_bounds: `(2, some) float32`: error and length of each item.
        user_bounds: `(3 or more, users) float32`: what the item's error and length are multiplied by, and
            what is added.
        masks: See the module.
        largest: `(some,) float32`, written.
    """
    allowed, kind, own_start, own = masks
    by_error, by_length, more = user_bounds[0, row], user_bounds[1, row], user_bounds[2, row]
    for at in range(len(values)):
        low = values[at] - (by_error * item_bounds[0, at] + by_length * item_bounds[1, at] + more)
        # The costly look-up comes last.
        if (
            low > largest[at]
            and columns[at] >= 0
            and not is_excluded(columns[at], allowed[kind[row]], own, own_start[row], own_start[row + 1])
        ):
            largest[at] = low


@numba.njit(cache=True, nogil=True)
def find_unfinished(rows: Any, longest: Any, user_bounds: Any, limits: Any) -> Any:
    """Return which of some users can still get an item: all that are left are no longer than the next.

    Args:
        rows: `(some,)` users.
        longest: Largest error and largest length of the items that are left.
        user_bounds: `(4, users) float32`: what the item's error and length are multiplied by to give the
            bound, what is added, and the user's length.
        limits: `(users,) float32`.
    """
    kept, error, length = 0, longest[0], longest[1]
    found = np.empty_like(rows)
    for row in rows:
        best = user_bounds[3, row] * length + user_bounds[0, row] * error + user_bounds[1, row] * length
        if best + user_bounds[2, row] >= limits[row]:
            found[kept] = row
            kept += 1
    return found[:kept]


@numba.njit(cache=True, nogil=True)
def init_limits(
    rows: Any, values: Any, columns: Any, item_bounds: Any, user_bounds: Any, lists: Any, masks: Any
) -> None:
    """Give users a limit from the first tile, so that few of its items are scored exactly.

    Args:
        rows: As for `offer_reaching_items`, and so are the other arguments.
        values: See there.
        columns: See there.
        item_bounds: See there.
        user_bounds: See there.
        lists: Limits are written.
        masks: See there.
    """
    n, limits = lists[0].shape[1], lists[2]
    groups = count_groups(n)
    if groups > len(columns):
        return  # too few items to tell; limits rise while they are read
    largest = np.empty(groups, np.float32)
    for place in range(len(rows)):
        row = rows[place]
        largest[:] = -np.inf
        for begin in range(0, min(SEED_ITEMS, len(columns)) - groups + 1, groups):
            end = begin + groups
            raise_maxima(
                row,
                values[place, begin:end],
                columns[begin:end],
                item_bounds[:, begin:end],
                user_bounds,
                masks,
                largest,
            )
        limits[row] = max(limits[row], find_nth_largest(largest, n))


@numba.njit(cache=True, nogil=True)
def _reaches(values: Any, least: Any) -> Any:
    """Return whether one of `CHUNK` values is at least `least`."""
    # Or-ing integers over a fixed length lets LLVM vectorise the loop.
    hits = np.int32(0)
    for at in range(CHUNK):
        hits |= np.int32(values[at] >= least)
    return hits


@numba.njit(cache=True, nogil=True)
def offer_reaching_items(
    rows: Any,
    values: Any,
    columns: Any,
    item_bounds: Any,
    user_bounds: Any,
    lists: Any,
    masks: Any,
    users: Any,
    items: Any,
) -> None:
    """Offer each user the items of one tile whose upper bound reaches the user's limit.

    Args:
        rows: `(some,)` users.
        values: `(some, tile) float32` approximate scores, in units of the user.
        columns: `(tile,)` index of each column's item.
        item_bounds: `(2, tile) float32`: error and length of each item.
        user_bounds: `(3 or more, users) float32`: what the item's error and length are multiplied by, and
            what is added.
        lists: See the module.
        masks: See the module.
        users: `(users, d) float32`.
        items: `(items, d) float32`.
    """
    errors, lengths = item_bounds
    limits, products = lists[2], make_scratch(users.shape[1])
    chunks = (len(columns) + CHUNK - 1) // CHUNK
    most_error, most_length = np.empty(chunks, np.float32), np.empty(chunks, np.float32)
    for chunk in range(chunks):
        most_error[chunk] = errors[chunk * CHUNK : (chunk + 1) * CHUNK].max()
        most_length[chunk] = lengths[chunk * CHUNK : (chunk + 1) * CHUNK].max()
    for place in range(len(rows)):
        row = rows[place]
        by_error, by_length, more = user_bounds[0, row], user_bounds[1, row], user_bounds[2, row]
        for chunk in range(chunks):
            start = chunk * CHUNK
            end = min(start + CHUNK, len(columns))
            # One bound for the whole chunk, from its largest error and length: one comparison an item. A
            # little more than it, because this difference is rounded otherwise than the sum below.
            most = (by_error * most_error[chunk] + by_length * most_length[chunk] + more) * ROUNDED_UP
            least = limits[row] - most - abs(limits[row]) * ROUNDING
            if end - start == CHUNK and not _reaches(values[place, start:end], least):
                continue
            for at in range(start, end):
                value = values[place, at]
                if not value >= least:
                    continue
                bound = by_error * errors[at] + by_length * lengths[at] + more
                if value + bound >= limits[row]:
                    offer_item(row, columns[at], lists, masks, users, items, products)


@numba.njit(cache=True, nogil=True)
def rank_pairs(users: Any, items: Any, starts: Any, columns: Any, found: Any, scores: Any) -> None:
    """Write the n best of each user's items, given as CSR, by exact score.

    Args:
        users: `(users, d) float32`.
        items: `(items, d) float32`.
        starts: `(users + 1,)` where each user's items begin in `columns`.
        columns: Indices of items.
        found: `(users, n) int32`, filled with -1 before.
        scores: `(users, n) float32`, filled with minus infinity before.
    """
    products = make_scratch(users.shape[1])
    for row in range(len(users)):
        for place in range(starts[row], starts[row + 1]):
            item = columns[place]
            keep_if_better(found[row], scores[row], item, score_pair(users[row], items[item], products))
    sort_lists(found, scores)


@numba.njit(cache=True, nogil=True)
def rank_scores(values: Any, masks: Any, found: Any, scores: Any) -> None:
    """Write the n best of each user's given scores; scores that are not finite are never listed.

    Args:
        values: `(users, items)` scores.
        masks: See the module.
        found: `(users, n) int32`, filled with -1 before.
        scores: `(users, n)` of the type of the values, filled with minus infinity before.
    """
    allowed, kind, own_start, own = masks
    for row in range(len(values)):
        for item in range(values.shape[1]):
            value = values[row, item]
            # Most items end here; NaN does, too, and an equal one, because indices ascend.
            if not value > scores[row, 0] or value == np.inf:
                continue
            if not is_excluded(item, allowed[kind[row]], own, own_start[row], own_start[row + 1]):
                keep_if_better(found[row], scores[row], item, value)
    sort_lists(found, scores)


@numba.njit(cache=True, nogil=True)
def scan_items(
    codes: Any,
    tiles: Any,
    tile_rows: Any,
    user_bounds: Any,
    lists: Any,
    masks: Any,
    users: Any,
    items: Any,
) -> None:
    """Offer a block's users the items whose upper bound reaches their limit.

    Args:
        codes: `(users, width) uint8`, filled up to whole tiles; changed.
        tiles: `PackedItems` as a tuple.
        tile_rows: Users of a tile.
        user_bounds: `(4, users) float32`, see `quantize.QuantizedUsers`.
        lists: See `numba_kernels`.
        masks: See `numba_kernels`.
        users: `(users, d) float32`.
        items: `(items, d) float32`.
    """
    packed, facts, columns, longest, runs, steps = tiles
    limits, width = lists[2], columns.shape[1]
    values, hits = np.empty((tile_rows, width), np.float32), np.zeros(tile_rows, np.int64)
    bounds = np.zeros((len(codes), 3), np.float32)
    bounds[:, 0] = -np.inf
    _init_limits(codes, tiles, values, hits, bounds, user_bounds, lists, masks)
    # Users move to the front when others leave, so a place in the block is not a user.
    owner, active = np.arange(len(codes)), len(limits)
    bounds[:, 0] = np.inf
    for row in range(active):
        bounds[row] = limits[row] - user_bounds[2, row], user_bounds[0, row], user_bounds[1, row]
    products = make_scratch(users.shape[1])
    for tile in range(len(columns)):
        if tile % max(CHECK_ITEMS // width, 1) == 0:
            active = _drop_finished(longest[tile], owner, active, codes, bounds, user_bounds)
            if not active:
                return
        for first in range(0, active, tile_rows):
            if not score_tile(codes, first, packed, tile, facts, bounds, runs, steps, values, hits):
                continue
            for place in range(first, min(first + tile_rows, active)):
                word = np.uint64(hits[place - first])
                if not word:
                    continue
                row = owner[place]
                by_error, by_length, more = user_bounds[0, row], user_bounds[1, row], user_bounds[2, row]
                at = 0
                while word:
                    if not word & np.uint64(255):
                        word >>= np.uint64(8)
                        at += 8
                        continue
                    if word & np.uint64(1) and columns[tile, at] >= 0:
                        # The limit may have risen since the tile was tested.
                        bound = by_error * facts[tile, 1, at] + by_length * facts[tile, 2, at] + more
                        if values[place - first, at] + bound >= limits[row]:
                            offer_item(row, columns[tile, at], lists, masks, users, items, products)
                    word >>= np.uint64(1)
                    at += 1
                bounds[place, 0] = limits[row] - more


@numba.njit(cache=True, nogil=True)
def _init_limits(
    codes: Any,
    tiles: Any,
    values: Any,
    hits: Any,
    bounds: Any,
    user_bounds: Any,
    lists: Any,
    masks: Any,
) -> None:
    """Give each user a limit from the first items, so that few items are scored exactly."""
    packed, facts, columns, _, runs, steps = tiles
    limits, n = lists[2], lists[0].shape[1]
    tile_rows, width = values.shape
    groups, count = count_groups(n), SEED_ITEMS // width
    if groups < width or groups > count * width or count > len(columns):
        return  # too few items to tell; limits rise while they are read
    largest = np.full((len(limits), groups), -np.inf, np.float32)
    for tile in range(count):
        begin = tile * width % groups
        for first in range(0, len(codes), tile_rows):
            # All thresholds are minus infinity, so that every score is a hit and is written.
            score_tile(codes, first, packed, tile, facts, bounds, runs, steps, values, hits)
            for row in range(first, min(first + tile_rows, len(limits))):
                raise_maxima(
                    row,
                    values[row - first],
                    columns[tile],
                    facts[tile, 1:],
                    user_bounds,
                    masks,
                    largest[row, begin : begin + width],
                )
    for row in range(len(limits)):
        limits[row] = max(limits[row], find_nth_largest(largest[row], n))


@numba.njit(cache=True, nogil=True)
def _drop_finished(longest: Any, owner: Any, active: Any, codes: Any, bounds: Any, user_bounds: Any) -> Any:
    """Move users that no item of this or a later tile can reach behind the others; return how many stay."""
    place = 0
    while place < active:
        row = owner[place]
        by_error, by_length, length = user_bounds[0, row], user_bounds[1, row], user_bounds[3, row]
        if (length + by_length) * longest[1] + by_error * longest[0] >= bounds[place, 0]:
            place += 1
            continue
        active -= 1
        codes[place], bounds[place], owner[place] = codes[active], bounds[active], owner[active]
        bounds[active, 0] = np.inf
    return active
