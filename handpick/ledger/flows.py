"""The ledger: for every stage and source, rows in = rows out + rows dropped, each drop with its reason."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from handpick.errors import LedgerImbalance


@dataclass(frozen=True)
class Flow:
    """One source's rows through one stage.

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
        stage: The stage's verb (`land`, `validate` ...).
        logical_date: The night.
        where: The partition or relation written, as a person would look for it.
        flows: The ledger lines.
        digest: SHA-256 of what was written; equal inputs give equal digests.
        seconds: Wall time.
        notes: Small facts for the report (`encoded_count`, `ndcg`, a decision ...).
    """

    stage: str
    logical_date: date
    where: str
    flows: tuple[Flow, ...]
    digest: str
    seconds: float = 0.0
    notes: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """The result as JSON, dates in ISO form."""
        return json.dumps(
            {**asdict(self), "logical_date": self.logical_date.isoformat()}, indent=1, sort_keys=True
        )

    @classmethod
    def from_json(cls, text: str) -> StageResult:
        """Read back what `to_json` wrote."""
        raw = json.loads(text)
        raw["logical_date"] = date.fromisoformat(raw["logical_date"])
        raw["flows"] = tuple(Flow(**flow) for flow in raw["flows"])
        return cls(**raw)
