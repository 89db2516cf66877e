"""A toy shop with two kinds of phones, which only pictures or only spoken queries distinguish."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.config import EndToEndConfig, FusionConfig
from models.dataset import Catalogue, Dataset, Interactions, Modality, Queries
from tests.models.plain_users import build_plain_users

DAY = 86_400
DAYS = 24
SEEN, NEW = 32, 24
"""Phones sold from the start, and phones released on the last day; every other one has stripes on its picture."""
PLAIN = FusionConfig(dim=16, dropout=0, input_dropout=0, identity_dropout=0, modality_dropout=0)


@dataclass(frozen=True)
class MemoryOrigin:
    """A `models.dataset.ModalitySource`: contents in memory, and the folder of the encoder that made their vectors."""

    contents: Mapping[str, Any]
    folder: Path
    encoder_class: Any

    def content(self, key: str) -> Any:
        """Return the content of a key, None where it is gone."""
        return self.contents.get(key)

    def encoder(self) -> Any:
        """Load the encoder from its folder."""
        return self.encoder_class(self.folder, device="cpu")

    def modality(self, keys: list[str]) -> Modality:
        """Return the modality of these keys' contents; an empty key is a missing content."""
        encoder = self.encoder()
        values = np.zeros((len(keys), encoder.dim), np.float32)
        rows = [row for row, key in enumerate(keys) if key in self.contents]
        values[rows] = encoder.encode([self.contents[keys[row]] for row in rows])
        present = np.isin(np.arange(len(keys)), rows)
        return Modality(values, present, encoder.fingerprint, np.array(keys), self)


def draw_picture(is_striped: bool, random: np.random.Generator) -> np.ndarray:
    """Return `(224, 224, 3) uint8`: vertical or horizontal bars of random colours and width, with noise."""
    colours = random.integers(0, 256, (2, 3))
    phase, wide = random.integers(0, 56), random.integers(24, 33)
    bars = ((np.arange(224) + phase) // wide % 2)[:, None]
    grid = np.broadcast_to(bars if is_striped else bars.T, (224, 224))
    noise = random.integers(-40, 41, (224, 224, 3))
    return np.clip(colours[grid.astype(int)] + noise, 0, 255).astype(np.uint8)


def synthesise_sound(is_rising: bool, random: np.random.Generator) -> np.ndarray:
    """Return `(samples,) float32`: a tone that glides up or down, of random pitch and loudness, with noise."""
    seconds = random.uniform(0.4, 0.6)
    low = random.uniform(300, 1200)
    along = np.linspace(low, low + random.uniform(1000, 2000), int(16_000 * seconds))
    phase = np.cumsum(2 * np.pi * (along if is_rising else along[::-1]) / 16_000)
    loud = random.uniform(0.1, 0.5)
    return (loud * np.sin(phase) + 0.01 * random.standard_normal(len(phase))).astype(np.float32)


def toy_shop(
    pictures: Modality | None, voices: Modality | None, askers: np.ndarray | None = None, users: int = 80
) -> Dataset:
    """Return a dataset in which even users choose even phones and odd users odd ones; the two groups differ by country.

    Args:
        pictures: Of all phones; None for phones without pictures.
        voices: The spoken queries, one for each entry of `askers`.
        askers: Users of the queries, ascending.
        users: How many.
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
        users=build_plain_users(
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


def toy_config(fusion: str, **changes: Any) -> FusionConfig:
    """Return the configuration of the toy shop's fusion model, without any dropout."""
    own = changes.pop("end_to_end", None) or EndToEndConfig(learning_rate=2e-3, rows=32, refresh_steps=4)
    return PLAIN.model_copy(update={"fusion": fusion, "end_to_end": own, **changes})
