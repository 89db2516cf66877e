"""`[alerts]`: who is told what, and when not."""

from __future__ import annotations

import re
from datetime import time
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from handpick.settings import Section

AlertKind = Literal[
    "failed",
    "late",
    "damaged",
    "database",
    "no_model",
    "refused",
    "override",
    "quarantine",
    "source",
    "drift",
    "rollback",
]
"""What an alert is about: the kinds of the report's findings."""
CHANNEL_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")


class AlertsSettings(Section):
    """Alerts by mail, Slack, Teams or any webhook. The addresses are no settings: see docs/alerts.md."""

    default_owners: tuple[str, ...] = Field(
        (),
        description='Channels that are told what has no owner of its own, such as `["operations"]`. Without '
        "one, and without `owners`, nobody is told anything. A channel is only a name; its address is in the "
        "environment variable HANDPICK_ALERT_OPERATIONS, or in Airflow's connection "
        "handpick_alert_operations.",
    )
    owners: dict[AlertKind, tuple[str, ...]] = Field(
        {},
        description='Channels by kind, such as `{quarantine = ["suppliers"]}`; an empty list tells nobody. '
        "Kinds: failed, late, damaged, database, no_model, refused, override, quarantine, source, drift, "
        "rollback.",
    )
    quiet_hours: str | None = Field(
        None,
        description="Hours in which only urgent kinds are sent, such as `22:00-07:00`; the others wait for "
        "their end.",
    )
    timezone: str = Field("UTC", description="Time zone of `quiet_hours`, such as `Europe/Berlin`.")
    urgent_kinds: tuple[AlertKind, ...] = Field(
        ("failed", "late", "damaged", "database", "no_model"),
        description="Kinds that are sent at any hour.",
    )
    late_after_minutes: int = Field(
        360,
        ge=1,
        description="Minutes after its start from which a night in Airflow is late, and its owners are told.",
    )
    link: str | None = Field(
        None,
        pattern="^https?://",
        description="Address of Airflow's web UI as the readers reach it; by default this machine's.",
    )
    path: Path = Field(
        Path("var/alerts"), description="Folder that remembers which alerts were sent, as hashes."
    )

    # Before the types are checked, and without the value in the message: who writes an address here has
    # written a secret.
    @field_validator("default_owners", "owners", mode="before")
    @classmethod
    def _check_names(cls, value: Any) -> Any:
        """Reject channels that are no names, such as addresses."""
        lists = value.values() if isinstance(value, dict) else [value]
        for names in lists:
            if not isinstance(names, list | tuple):
                raise ValueError('it must be a list of names, such as ["operations"]')
            if not all(isinstance(name, str) and CHANNEL_NAME.fullmatch(name) for name in names):
                raise ValueError(
                    "a channel is a short name of small letters, digits and _; its address belongs into the "
                    "environment variable HANDPICK_ALERT_<NAME>, never into this file"
                )
        return value

    @field_validator("quiet_hours")
    @classmethod
    def _check_hours(cls, value: str | None) -> str | None:
        """Reject hours that do not exist."""
        if value is not None:
            parse_quiet_hours(value)
        return value

    @field_validator("timezone")
    @classmethod
    def _check_zone(cls, value: str) -> str:
        """Reject a time zone that does not exist."""
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError("there is no such time zone; write one such as Europe/Berlin") from None
        return value

    def list_channels(self) -> list[str]:
        """Return the names of all channels, sorted."""
        return sorted({*self.default_owners, *(name for names in self.owners.values() for name in names)})

    def find_channels(self, kind: str) -> tuple[str, ...]:
        """Return the channels that are told about a kind."""
        return next((names for name, names in self.owners.items() if name == kind), self.default_owners)


def parse_quiet_hours(text: str) -> tuple[time, time]:
    """Return the first quiet moment of a day and the first one after it.

    Raises:
        ValueError: If the text is not like `22:00-07:00`.
    """
    try:
        begin, end = map(time.fromisoformat, text.split("-"))
    except ValueError:
        raise ValueError("quiet hours are written like 22:00-07:00") from None
    return begin, end
