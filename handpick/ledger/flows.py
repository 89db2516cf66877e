"""Ledger lines and stage results: rows in = rows out + rows dropped, for every stage and source."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from handpick.errors import LedgerImbalance
from handpick.lake.checksums import digest_json


@dataclass(frozen=True)
class Flow:
    """A ledger line: the rows of one source that one stage read, wrote and dropped.

    Args:
        source: What the rows are (`events`, `items`, `lists` ...).
        rows_in: Rows read.
        rows_out: Rows written.
        dropped: Rows not written, by reason; every value is positive.

    Raises:
        LedgerImbalance: If `rows_in != rows_out + sum(dropped)`, so an unbalanced flow cannot exist.
    """

    source: str
    rows_in: int
    rows_out: int
    dropped: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Sorted and without zeros: equal flows have equal JSON. The class is frozen, hence
        # `object.__setattr__`.
        object.__setattr__(self, "dropped", {k: int(v) for k, v in sorted(self.dropped.items()) if v})
        lost = self.rows_in - self.rows_out - self.rows_dropped
        if lost or min(self.dropped.values(), default=1) < 0:
            raise LedgerImbalance(
                f"{self.source}: {self.rows_in} rows in, {self.rows_out} out, {self.rows_dropped} dropped "
                f"({self.dropped}): {lost} unaccounted for"
            )

    @property
    def rows_dropped(self) -> int:
        """Rows dropped for any reason."""
        return sum(self.dropped.values())


@dataclass(frozen=True)
class StageResult:
    """What one stage did on one night.

    Args:
        stage: The stage's name (`land`, `validate` ...).
        logical_date: The night.
        where: Path or name of the partition or relation written, for people.
        flows: The stage's ledger lines.
        digest: SHA-256 of what was written; equal inputs give equal digests.
        seconds: Wall time.
        notes: Further values for the report (`encoded_count`, `ndcg`, a decision ...), as JSON types.
        partitions: Digest of each lake table that it wrote tonight; empty for results of former releases.
    """

    stage: str
    logical_date: date
    where: str
    flows: tuple[Flow, ...]
    digest: str
    seconds: float = 0.0
    notes: Mapping[str, Any] = field(default_factory=dict)
    partitions: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """Serialize the result as JSON, dates in ISO form, with a checksum of itself."""
        content = {**asdict(self), "logical_date": self.logical_date.isoformat()}
        return json.dumps({**content, "checksum": digest_json(content)}, indent=1, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> StageResult:
        """Parse what `to_json` returned.

        Raises:
            ValueError: If it is not that, by its checksum; results of former releases have none.
        """
        raw = json.loads(text)
        checksum = raw.pop("checksum", None)
        if checksum is not None and checksum != digest_json(raw):
            raise ValueError("the checksum differs")
        raw["logical_date"] = date.fromisoformat(raw["logical_date"])
        raw["flows"] = tuple(Flow(**flow) for flow in raw["flows"])
        return cls(**raw)
