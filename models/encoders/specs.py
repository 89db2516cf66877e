"""Specification sheets: numbers with what is missing, categories with what was never seen, and free tags."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from models.data import FloatArray
from models.encoders.interface import EncoderError

Sheet: TypeAlias = Mapping[str, Any]
"""One phone's specifications by name: numbers, strings, lists of strings, or None."""

FAR = 4.0
"""Standard deviations at which a number is cut, so that one absurd sheet does not drown the others."""


@dataclass(frozen=True)
class SpecsState:
    """What was learned from a catalogue.

    Args:
        numeric: Mean and standard deviation by name.
        categories: Values seen at least twice by name, sorted; all others share one column.
        tags: Names of the columns that hold lists of free words.
        buckets: Columns that free words are hashed into.
    """

    numeric: dict[str, tuple[float, float]]
    categories: dict[str, list[str]]
    tags: list[str]
    buckets: int


class SpecsEncoder:
    """`[standardised number, is missing] … [one-hot category, other] … [hashed tags]`, each group side by side."""

    name = "specs"

    def __init__(self, state: SpecsState) -> None:
        self.state = state
        width = 2 * len(state.numeric) + sum(len(seen) + 1 for seen in state.categories.values())
        self.dim = width + state.buckets * len(state.tags)
        told = json.dumps(asdict(state), sort_keys=True)
        self.fingerprint = f"specs:{hashlib.sha256(told.encode()).hexdigest()[:16]}"

    @classmethod
    def fit(
        cls,
        sheets: Sequence[Sheet],
        numeric: Sequence[str],
        categorical: Sequence[str],
        tags: Sequence[str] = (),
        buckets: int = 32,
    ) -> SpecsEncoder:
        """Learn means, deviations and categories; a name that no sheet has is kept and counts as missing."""
        moments = {}
        for name in numeric:
            known = np.array([value for sheet in sheets if (value := number(sheet.get(name))) is not None])
            moments[name] = (float(known.mean()), float(known.std()) or 1.0) if len(known) else (0.0, 1.0)
        categories = {}
        for name in categorical:
            values, counts = np.unique(
                [word(sheet[name]) for sheet in sheets if sheet.get(name) not in (None, "")],
                return_counts=True,
            )
            categories[name] = [str(value) for value, count in zip(values, counts, strict=True) if count > 1]
        return cls(SpecsState(moments, categories, list(tags), buckets))

    def encode(self, batch: Sequence[Sheet]) -> FloatArray:
        """`(len(batch), dim) float32`; a sheet that says nothing is all "missing", never an error."""
        vectors = np.zeros((len(batch), self.dim), np.float32)
        for row, sheet in enumerate(batch):
            vectors[row] = self._row(sheet)
        return vectors

    def _row(self, sheet: Sheet) -> FloatArray:
        parts: list[float] = []
        for name, (mean, deviation) in self.state.numeric.items():
            value = number(sheet.get(name))
            parts += (
                [0.0, 1.0] if value is None else [float(np.clip((value - mean) / deviation, -FAR, FAR)), 0.0]
            )
        for name, seen in self.state.categories.items():
            value = sheet.get(name)
            said = None if value in (None, "") else word(value)
            parts += [float(said == known) for known in seen]
            parts.append(float(said is not None and said not in seen))
        for name in self.state.tags:
            counts = np.zeros(self.state.buckets, np.float32)
            for tag in sheet.get(name) or ():
                bucket, sign = place(tag, self.state.buckets)
                counts[bucket] += sign
            parts += (counts / max(1.0, float(np.linalg.norm(counts)))).tolist()
        return np.array(parts, np.float32)

    def save(self, folder: Path) -> None:
        """Write what was learned, as JSON."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "specs.json").write_text(json.dumps(asdict(self.state), indent=1, sort_keys=True))

    @classmethod
    def load(cls, folder: Path) -> SpecsEncoder:
        """Read back what `save` wrote.

        Raises:
            EncoderError: If the file is missing or damaged.
        """
        try:
            told = json.loads((folder / "specs.json").read_text())
            told["numeric"] = {name: (pair[0], pair[1]) for name, pair in told["numeric"].items()}
            return cls(SpecsState(**told))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise EncoderError(f"{folder}: no usable specifications encoder ({error})") from None


def number(value: Any) -> float | None:
    """The value as a finite number, or None."""
    if value is None or isinstance(value, str | bool):
        return None
    return float(value) if np.isfinite(value) else None


def word(value: Any) -> str:
    """A category without case and outer blanks."""
    return str(value).strip().casefold()


def place(tag: str, buckets: int) -> tuple[int, float]:
    """The column and sign of a free word (Weinberger et al., "Feature hashing", 2009)."""
    digest = hashlib.blake2b(word(tag).encode(), digest_size=8).digest()
    return int.from_bytes(digest[:4], "big") % buckets, 1.0 if digest[4] & 1 else -1.0
