"""The spec sheet encoder: standardized numbers, one-hot categories and hashed tags.

Missing values have columns of their own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from models.dataset import FloatArray
from models.encoders.interface import EncoderError

SpecSheet: TypeAlias = Mapping[str, Any]
"""One phone's specifications by name: numbers, strings, lists of strings, or None."""

CLIP_DEVIATIONS = 4.0
"""Standard deviations at which a number is clipped, so that one absurd value does not dominate."""


@dataclass(frozen=True)
class SpecsState:
    """The state of a fitted encoder.

    Args:
        numeric: Mean and standard deviation by name.
        categories: Values seen at least twice by name, sorted; all others share one column.
        tags: Names of the specifications that are lists of free tags.
        buckets: Columns that the tags of one name are hashed into.
    """

    numeric: dict[str, tuple[float, float]]
    categories: dict[str, list[str]]
    tags: list[str]
    buckets: int


class SpecsEncoder:
    """Encoder of sheets as `[standardized number, is missing] … [one-hot category, other] … [hashed tags]`.

    Args:
        state: Fitted state, from `fit` or `load`.
    """

    name = "specs"

    def __init__(self, state: SpecsState) -> None:
        self.state = state
        width = 2 * len(state.numeric) + sum(len(seen) + 1 for seen in state.categories.values())
        self.dim = width + state.buckets * len(state.tags)
        serialized = json.dumps(asdict(state), sort_keys=True)
        self.fingerprint = f"specs:{hashlib.sha256(serialized.encode()).hexdigest()[:16]}"

    @classmethod
    def fit(
        cls,
        sheets: Sequence[SpecSheet],
        numeric: Sequence[str],
        categorical: Sequence[str],
        tags: Sequence[str] = (),
        buckets: int = 32,
    ) -> SpecsEncoder:
        """Fit means, deviations and categories to the sheets of a catalogue.

        Args:
            sheets: Spec sheets of all items.
            numeric: Names of numbers; a name that no sheet has is kept, and is missing in each.
            categorical: Names of categories.
            tags: Names of lists of free tags.
            buckets: Columns for the tags of one name.
        """
        moments = {}
        for name in numeric:
            known = np.array(
                [value for sheet in sheets if (value := parse_number(sheet.get(name))) is not None]
            )
            moments[name] = (float(known.mean()), float(known.std()) or 1.0) if len(known) else (0.0, 1.0)
        categories = {}
        for name in categorical:
            values, counts = np.unique(
                [normalize_word(sheet[name]) for sheet in sheets if sheet.get(name) not in (None, "")],
                return_counts=True,
            )
            # A value seen once says nothing about other items; it shares the column of unseen values.
            categories[name] = [str(value) for value, count in zip(values, counts, strict=True) if count > 1]
        return cls(SpecsState(moments, categories, list(tags), buckets))

    def encode(self, batch: Sequence[SpecSheet]) -> FloatArray:
        """Return `(len(batch), dim) float32`; an empty sheet is missing in every group."""
        vectors = np.zeros((len(batch), self.dim), np.float32)
        for row, sheet in enumerate(batch):
            vectors[row] = self._encode_sheet(sheet)
        return vectors

    def _encode_sheet(self, sheet: SpecSheet) -> FloatArray:
        """Return the vector `(dim,) float32` of one sheet."""
        parts: list[float] = []
        for name, (mean, deviation) in self.state.numeric.items():
            value = parse_number(sheet.get(name))
            parts += (
                [0.0, 1.0]
                if value is None
                else [float(np.clip((value - mean) / deviation, -CLIP_DEVIATIONS, CLIP_DEVIATIONS)), 0.0]
            )
        for name, seen in self.state.categories.items():
            value = sheet.get(name)
            category = None if value in (None, "") else normalize_word(value)
            parts += [float(category == known) for known in seen]
            parts.append(float(category is not None and category not in seen))
        for name in self.state.tags:
            counts = np.zeros(self.state.buckets, np.float32)
            for tag in sheet.get(name) or ():
                bucket, sign = hash_tag(tag, self.state.buckets)
                counts[bucket] += sign
            parts += (counts / max(1.0, float(np.linalg.norm(counts)))).tolist()
        return np.array(parts, np.float32)

    def save(self, folder: Path) -> None:
        """Write the fitted state, as JSON."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "specs.json").write_text(json.dumps(asdict(self.state), indent=1, sort_keys=True))

    @classmethod
    def load(cls, folder: Path) -> SpecsEncoder:
        """Load the encoder that `save` wrote.

        Raises:
            EncoderError: If the file is missing or damaged.
        """
        try:
            state = json.loads((folder / "specs.json").read_text())
            state["numeric"] = {name: (pair[0], pair[1]) for name, pair in state["numeric"].items()}
            return cls(SpecsState(**state))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise EncoderError(f"{folder}: no usable specifications encoder ({error})") from None


def parse_number(value: Any) -> float | None:
    """Return the value as a finite number, None where it is not one."""
    if value is None or isinstance(value, str | bool):
        return None
    return float(value) if np.isfinite(value) else None


def normalize_word(value: Any) -> str:
    """Return a category or tag without case and outer blanks."""
    return str(value).strip().casefold()


def hash_tag(tag: str, buckets: int) -> tuple[int, float]:
    """Return the column and the sign of a tag (Weinberger et al., "Feature hashing", 2009).

    Args:
        tag: A free tag.
        buckets: Number of columns.
    """
    digest = hashlib.blake2b(normalize_word(tag).encode(), digest_size=8).digest()
    return int.from_bytes(digest[:4], "big") % buckets, 1.0 if digest[4] & 1 else -1.0
