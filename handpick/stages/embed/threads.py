"""One thread for each piece of work, and pieces side by side: vectors do not depend on how many cores there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

Piece = TypeVar("Piece")
Made = TypeVar("Made")


@contextmanager
def one_thread() -> Iterator[None]:
    """Inside, torch computes with this thread alone."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def side_by_side(work: Callable[[Piece], Made], pieces: Iterable[Piece], threads: int) -> Iterator[Made]:
    """What work makes of each piece, in order; a few pieces are worked on at a time."""
    import torch

    if threads < 2:
        yield from map(work, pieces)
        return
    left = iter(pieces)
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        waiting = [pool.submit(work, piece) for piece in islice(left, threads)]
        while waiting:
            yield waiting.pop(0).result()
            waiting += [pool.submit(work, piece) for piece in islice(left, 1)]
