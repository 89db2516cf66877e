"""Fixes the number of threads that numerical libraries compute with, whatever machine a stage runs on.

A sum that is split over threads is rounded differently with another number of them. By default the libraries
take the number from the processors and from variables such as `OMP_NUM_THREADS`, so that the last bits of a
score would depend on where and how a night was started.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
"""Where libraries of linear algebra look for their number of threads when they are loaded."""


_machine_threads: list[int] = []
"""Torch's number of threads before the blocks of `fix_numerical_threads` that are open, oldest first."""


@contextmanager
def fix_numerical_threads(count: int) -> Iterator[None]:
    """Let linear algebra and torch compute with a number of threads inside the block.

    Loops that are compiled by numba are left alone: they have the same bits with any number of threads.

    Args:
        count: The number, of libraries that are loaded already as well as of those that the block loads.
    """
    from threadpoolctl import threadpool_limits

    torch = sys.modules.get("torch")
    before = None if torch is None else torch.get_num_threads()
    variables = {name: os.environ.get(name) for name in VARIABLES}
    os.environ.update(dict.fromkeys(VARIABLES, str(count)))
    try:
        with threadpool_limits(count, "blas"):
            if torch is not None and before is not None:
                _machine_threads.append(before)
                torch.set_num_threads(count)
            yield
    finally:
        if torch is not None and before is not None:
            torch.set_num_threads(_machine_threads.pop())
        for name, value in variables.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def use_machine_threads() -> Iterator[None]:
    """Let torch use the machine's threads inside the block, for work whose bits do not depend on them."""
    if not _machine_threads:
        yield
        return
    import torch

    fixed = torch.get_num_threads()
    torch.set_num_threads(_machine_threads[0])
    try:
        yield
    finally:
        torch.set_num_threads(fixed)
