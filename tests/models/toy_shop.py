"""A shop of two kinds of phones that only their pictures, or only the buyers' spoken questions, tell apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.config import EndToEndConfig, FusionConfig
from models.data import Catalogue, Dataset, Interactions, Modality, Queries
from tests.models.people import plain_users

DAY = 86_400
DAYS = 24
SEEN, NEW = 32, 24
"""Phones that have been sold all the time, and those that came out on the last day; every other one is striped."""
PLAIN = FusionConfig(dim=16, dropout=0, input_dropout=0, identity_dropout=0, modality_dropout=0)


@dataclass(frozen=True)
class Kept:
    """Contents in memory, and the folder of the encoder that made their vectors."""

    contents: Mapping[str, Any]
    folder: Path
    made: Any

    def content(self, key: str) -> Any:
        """The content of a key, None where it is gone."""
        return self.contents.get(key)

    def encoder(self) -> Any:
        """The encoder from its folder."""
        return self.made(self.folder, device="cpu")

    def modality(self, keys: list[str]) -> Modality:
        """The vectors of contents; an empty key is one that is missing."""
        encoder = self.encoder()
        values = np.zeros((len(keys), encoder.dim), np.float32)
        rows = [row for row, key in enumerate(keys) if key in self.contents]
        values[rows] = encoder.encode([self.contents[keys[row]] for row in rows])
        present = np.isin(np.arange(len(keys)), rows)
        return Modality(values, present, encoder.fingerprint, np.array(keys), self)


def picture(is_striped: bool, random: np.random.Generator) -> np.ndarray:
    """`(224, 224, 3) uint8`: upright or lying bars in any colours, as wide as each other, on a noisy ground."""
    colours = random.integers(0, 256, (2, 3))
    phase, wide = random.integers(0, 56), random.integers(24, 33)
    bars = ((np.arange(224) + phase) // wide % 2)[:, None]
    grid = np.broadcast_to(bars if is_striped else bars.T, (224, 224))
    noise = random.integers(-40, 41, (224, 224, 3))
    return np.clip(colours[grid.astype(int)] + noise, 0, 255).astype(np.uint8)


def sound(is_rising: bool, random: np.random.Generator) -> np.ndarray:
    """`(samples,) float32`: a tone that glides up or down, anywhere in pitch, of any loudness, in noise."""
    seconds = random.uniform(0.4, 0.6)
    low = random.uniform(300, 1200)
    along = np.linspace(low, low + random.uniform(1000, 2000), int(16_000 * seconds))
    phase = np.cumsum(2 * np.pi * (along if is_rising else along[::-1]) / 16_000)
    loud = random.uniform(0.1, 0.5)
    return (loud * np.sin(phase) + 0.01 * random.standard_normal(len(phase))).astype(np.float32)


def toy(
    pictures: Modality | None, voices: Modality | None, askers: np.ndarray | None = None, users: int = 80
) -> Dataset:
    """Every other user likes every other phone, and lives elsewhere; those with a voice ask on the day before each visit.

    Args:
        voices: One for each asker.
        askers: Users who asked, one entry for each question, ascending.
    """
    random = np.random.default_rng(1)
    items = SEEN + NEW
    user, item, at = [], [], []
    for one in range(users):
        for day in np.sort(random.choice(np.arange(2, DAYS - 1), 5, replace=False)):
            user.append(one)
            item.append(int(2 * random.integers(0, SEEN // 2) + one % 2))
            at.append(int(day * DAY + 3600))
    events = len(user)
    asked = np.zeros(0, np.int64) if askers is None else askers
    nothing = Modality(np.zeros((len(asked), 4), np.float32), np.zeros(len(asked), bool))
    return Dataset(
        catalogue=Catalogue(
            item_ids=np.array([f"i{n:03d}" for n in range(items)]),
            modalities={} if pictures is None else {"image": pictures},
            price=np.full(items, 300, np.float32),
            brand=np.full(items, "Aurora"),
            released_at=np.where(np.arange(items) < SEEN, 0, (DAYS - 1) * DAY).astype(np.int64),
            is_sellable=np.ones(items, bool),
            statistics=np.zeros((items, 0), np.float32),
        ),
        users=plain_users(
            [f"u{n:03d}" for n in range(users)],
            np.where(np.arange(users) % 2, "CN", "DE"),
            np.full(users, "en"),
        ),
        interactions=Interactions(
            np.array(user, np.int64),
            np.array(item, np.int64),
            np.ones(events, np.int8),
            np.ones(events, np.float32),
            np.array(at, np.int64),
        ),
        queries=Queries(
            asked,
            np.full(len(asked), DAY, np.int64),
            {"audio": nothing if voices is None else voices},
            np.array([f"q{n:03d}" for n in range(len(asked))], dtype=str),
            np.full(len(asked), "", dtype=str),
        ),
        as_of=DAYS * DAY,
    )


def config(fusion: str, **changes: Any) -> FusionConfig:
    """The toy's fusion model."""
    own = changes.pop("end_to_end", None) or EndToEndConfig(learning_rate=2e-3, rows=32, refresh_steps=4)
    return PLAIN.model_copy(update={"fusion": fusion, "end_to_end": own, **changes})
