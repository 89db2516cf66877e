"""Limits the busy waiting of OpenMP threads, so that processes can share the processor cores."""

import os

SPIN_COUNT = "20000"
"""Iterations, about a tenth of a millisecond, that an OpenMP thread spins at a barrier before it sleeps."""


def limit_openmp_spinning() -> None:
    """Set `GOMP_SPINCOUNT` unless it is set; it must be called before a library starts its OpenMP threads.

    GNU's OpenMP (of torch, LightGBM, implicit) reads it once, when it is loaded. By default a thread that is
    done spins far longer than it worked. On a machine where something else runs too it keeps the slower threads off their
    cores, and small training steps take several times as long.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
