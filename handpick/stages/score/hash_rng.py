"""Draws that depend on the seed, the night, the user and a number, and on nothing else: not on order or blocks."""

from __future__ import annotations

import hashlib
from datetime import date

import numpy as np
from numpy.typing import NDArray

from models.data import StringArray


def seeds(user_ids: StringArray, seed: int, day: date) -> NDArray[np.uint64]:
    """`(users,) uint64`: each user's own seed for this night."""
    key = f"{seed} {day.isoformat()}".encode()
    digests = (hashlib.blake2b(str(user).encode(), digest_size=8, key=key).digest() for user in user_ids)
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


def uniform(seed: NDArray[np.uint64], number: int) -> NDArray[np.float64]:
    """`(users,)` in [0, 1): the `number`-th draw of each seed (SplitMix64; Steele, Lea and Flood, 2014)."""
    with np.errstate(over="ignore"):
        z = seed + np.uint64((number + 1) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) / 2.0**53
