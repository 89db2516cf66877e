"""The gate's decision: its storage in `gate/decision.json`, and overrides by a person."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import Any

from handpick.errors import InputError, MissingPartition
from handpick.lake.partitions import Lake
from handpick.night import Night

DECISION_FILE = "decision.json"


@dataclass(frozen=True)
class Decision:
    """Which model scores tonight's lists, and why.

    Args:
        promoted: Whether tonight's challenger was promoted.
        champion_date: The night whose models and blend score; None if no model may.
        previous_champion: The night of the champion that the challenger was compared with, None on a first
            night.
        reasons: The findings, one line each.
        slices: The metrics by slice.
        override: Who overrode the gate, why and how; None if nobody did.
        follows: The promoted variants of experiments (`experiment`, `variant`) whose lists everybody gets, in
            the order in which they apply.
    """

    promoted: bool
    champion_date: date | None
    previous_champion: date | None
    reasons: list[str]
    slices: list[dict[str, Any]] = field(default_factory=list)
    override: dict[str, str] | None = None
    follows: list[dict[str, str]] = field(default_factory=list)

    def to_json(self) -> str:
        """Return the decision as JSON, dates in ISO form."""
        raw = asdict(self)
        if not self.follows:  # so that decisions without experiments keep their bytes
            del raw["follows"]
        return json.dumps(raw, indent=1, sort_keys=True, default=date.isoformat)

    @classmethod
    def from_json(cls, text: str) -> Decision:
        """Return the decision that `to_json` wrote."""
        raw = json.loads(text)
        for key in ("champion_date", "previous_champion"):
            raw[key] = date.fromisoformat(raw[key]) if raw[key] else None
        return cls(**raw)


def read_decision(lake: Lake, logical_date: date) -> Decision:
    """Read a night's decision.

    Raises:
        MissingPartition: If the gate has not decided that night.
        DamagedData: If the decision is not what the gate wrote.
    """
    file = lake.partition("gate", logical_date) / DECISION_FILE
    if not file.is_file():
        raise MissingPartition(
            f"The gate has not decided on {logical_date}: run `handpick gate --date {logical_date}` first."
        )
    lake.check("gate", [logical_date], with_bytes=True)
    return Decision.from_json(file.read_text())


def write_decision(lake: Lake, logical_date: date, decision: Decision) -> None:
    """Write a night's decision, in place of an earlier one."""
    with lake.replace_partition("gate", logical_date) as folder:
        (folder / DECISION_FILE).write_text(decision.to_json())


def find_previous_champion(lake: Lake, logical_date: date) -> date | None:
    """Return the champion that the newest earlier decision names; None if there is none yet."""
    before = lake.latest_date_before("gate", logical_date)
    return read_decision(lake, before).champion_date if before else None


def apply_override(decision: Decision, logical_date: date, override: dict[str, str]) -> Decision:
    """Return the decision with a person's override applied.

    Args:
        decision: The decision so far.
        logical_date: Its night.
        override: `to` (`promote` or `refuse`), `who` and `why`.

    Raises:
        InputError: If tonight's challenger is refused and there is no champion to fall back on.
    """
    is_promoted = override["to"] == "promote"
    if not is_promoted and decision.previous_champion is None:
        raise InputError(
            f"{logical_date} has no earlier champion that could score instead; nothing was changed. "
            "Leave the night stopped; the published lists are unchanged."
        )
    champion = logical_date if is_promoted else decision.previous_champion
    return replace(decision, promoted=is_promoted, champion_date=champion, override=override)


def record_override(night: Night, *, to: str, who: str, why: str) -> Decision:
    """Record that a person promotes or refuses a night's challenger.

    Running the gate again keeps the override.

    Args:
        night: The night whose decision is overridden.
        to: `promote` or `refuse`.
        who: The person's name.
        why: The person's reason.

    Returns:
        The changed decision.

    Raises:
        InputError: If who or why is empty, or there is no champion that could score instead.
        MissingPartition: If the gate has not decided yet.
    """
    if not who.strip() or not why.strip():
        raise InputError("An override needs --who and --why; the decision was not changed.")
    decision = read_decision(night.lake, night.logical_date)
    changed = apply_override(decision, night.logical_date, {"to": to, "who": who.strip(), "why": why.strip()})
    write_decision(night.lake, night.logical_date, changed)
    return changed
