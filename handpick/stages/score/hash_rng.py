"""Random numbers by hashing: draws depend on the seed, the night, the user and a counter alone.

So a user's list does not depend on the order of the users or on who else is in the same block.
"""

from __future__ import annotations

import hashlib
from datetime import date

import numpy as np
from numpy.typing import NDArray

from models.dataset import StringArray


def derive_seeds(user_ids: StringArray, seed: int, day: date) -> NDArray[np.uint64]:
    """Derive each user's seed for one night by keyed BLAKE2b: `(users,) uint64`."""
    key = f"{seed} {day.isoformat()}".encode()
    digests = (hashlib.blake2b(str(user).encode(), digest_size=8, key=key).digest() for user in user_ids)
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


def draw_uniform(seed: NDArray[np.uint64], number: int) -> NDArray[np.float64]:
    """Draw the `number`-th uniform number of each seed, in [0, 1).

    SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014), which
    can jump to any draw without making those before it.

    Args:
        seed: `(users,)` from `derive_seeds`.
        number: Number of the draw, from 0.

    Returns:
        `(users,)`.
    """
    with np.errstate(over="ignore"):  # arithmetic modulo 2^64 is intended
        z = seed + np.uint64((number + 1) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    # The upper 53 bits are what a float64 can hold.
    return ((z ^ (z >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) / 2.0**53
