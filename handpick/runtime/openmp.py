"""Limits the busy waiting of OpenMP threads, so that processes can share the processor cores."""

import os

SPIN_COUNT = "20000"
"""Iterations, about a tenth of a millisecond, that an OpenMP thread spins at a barrier before it sleeps."""


def limit_openmp_spinning() -> None:
    """Set `GOMP_SPINCOUNT` unless it is set; call it before a library starts its OpenMP threads.

    GNU's OpenMP (of torch, LightGBM, implicit) reads it once, when it is loaded. By default a thread that has
    finished spins far longer than it worked. Where other processes run too, spinning threads occupy the cores
    that the slower threads need, and small training steps take several times as long.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
