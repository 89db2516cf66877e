"""Encodes several batches at a time, each with one torch thread: results do not depend on the cores.

Torch splits sums over its threads, so the last bits of a vector depend on how many there are. With one thread
a batch they do not, and the cores are used by encoding several batches at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextmanager
def use_one_torch_thread() -> Iterator[None]:
    """Let torch compute with the calling thread alone inside the block.

    The former number of threads is restored.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def map_in_threads(
    function: Callable[[Item], Result], items: Iterable[Item], threads: int
) -> Iterator[Result]:
    """Yield the function's result for each item, in order, while up to `threads` items are worked on.

    Args:
        function: Called in a thread in which torch uses one thread.
        items: Read only as far as they are worked on, so that at most `threads` results wait in memory.
        threads: With fewer than 2, everything happens in the calling thread.
    """
    import torch

    if threads < 2:
        yield from map(function, items)
        return
    left = iter(items)
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        waiting = [pool.submit(function, item) for item in islice(left, threads)]
        while waiting:
            yield waiting.pop(0).result()
            waiting += [pool.submit(function, item) for item in islice(left, 1)]
