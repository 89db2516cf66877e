"""The gate's decision: kept, read back, overridden by a person."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import Any

from handpick.errors import InputError, MissingPartition
from handpick.lake.partitions import Lake
from handpick.night import Night

FILE = "decision.json"


@dataclass(frozen=True)
class Decision:
    """Who scores tonight's lists, and why.

    Args:
        promoted: Whether tonight's challenger does.
        champion_date: The night whose models and blend score; None if nobody may.
        previous_champion: The champion that the challenger met, None on a first night.
        reasons: What was found, one line each.
        slices: The figures by slice.
        override: Who decided otherwise, and why; None if nobody did.
    """

    promoted: bool
    champion_date: date | None
    previous_champion: date | None
    reasons: list[str]
    slices: list[dict[str, Any]] = field(default_factory=list)
    override: dict[str, str] | None = None

    def to_json(self) -> str:
        """The decision as JSON, dates in ISO form."""
        return json.dumps(asdict(self), indent=1, sort_keys=True, default=date.isoformat)

    @classmethod
    def from_json(cls, text: str) -> Decision:
        """Read back what `to_json` wrote."""
        raw = json.loads(text)
        for key in ("champion_date", "previous_champion"):
            raw[key] = date.fromisoformat(raw[key]) if raw[key] else None
        return cls(**raw)


def read_decision(lake: Lake, logical_date: date) -> Decision:
    """A night's decision.

    Raises:
        MissingPartition: If the gate has not decided that night.
    """
    file = lake.partition("gate", logical_date) / FILE
    if not file.is_file():
        raise MissingPartition(
            f"The gate has not decided on {logical_date}: run `handpick gate --date {logical_date}` first."
        )
    return Decision.from_json(file.read_text())


def write_decision(lake: Lake, logical_date: date, decision: Decision) -> None:
    """Keep a night's decision."""
    with lake.writing("gate", logical_date) as folder:
        (folder / FILE).write_text(decision.to_json())


def champion_before(lake: Lake, logical_date: date) -> date | None:
    """The champion that earlier nights left, None if there is none yet."""
    before = lake.before("gate", logical_date)
    return read_decision(lake, before).champion_date if before else None


def overridden(decision: Decision, logical_date: date, override: dict[str, str]) -> Decision:
    """The decision as a person wants it: `override` says who, why, and whether to `promote` or `refuse`.

    Raises:
        InputError: If tonight's challenger is refused and there is no champion to fall back on.
    """
    is_promoted = override["to"] == "promote"
    if not is_promoted and decision.previous_champion is None:
        raise InputError(
            f"{logical_date} has no earlier champion that could score instead; nothing was changed. "
            "Leave the night stopped: the lists published last stay."
        )
    champion = logical_date if is_promoted else decision.previous_champion
    return replace(decision, promoted=is_promoted, champion_date=champion, override=override)


def override(night: Night, *, to: str, who: str, why: str) -> Decision:
    """Record that a person promotes or refuses tonight's challenger, and let it stand.

    Raises:
        InputError: If who or why is empty, or there is nobody else to score.
        MissingPartition: If the gate has not decided yet.
    """
    if not who.strip() or not why.strip():
        raise InputError("An override needs --who and --why; the decision was not changed.")
    decision = read_decision(night.lake, night.logical_date)
    changed = overridden(decision, night.logical_date, {"to": to, "who": who.strip(), "why": why.strip()})
    write_decision(night.lake, night.logical_date, changed)
    return changed
