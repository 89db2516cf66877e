"""Lets threads of numerical libraries share a busy machine."""

import os

SPINS = "20000"
"""Turns, about a tenth of a millisecond, that an OpenMP thread waits for the others before it gives its core away."""


def share_the_machine() -> None:
    """Bound the spinning of OpenMP threads, before any library starts them.

    By default a thread that is done spins for others far longer than it works; on a machine where something else runs
    too, it keeps them from their cores, and small steps of training take several times as long.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
