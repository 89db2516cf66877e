"""A night for notebooks: its tables, its lists, and tonight's champion, in three lines.

import handpick
night = handpick.open()
night.recommend(["U0000001"])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from handpick.errors import InputError
from handpick.night import Night, list_nights, require_night
from handpick.settings.load import load

if TYPE_CHECKING:
    import pandas as pd

    from handpick.stages.score.night_model import NightModel


@dataclass(frozen=True)
class OpenNight:
    """A night that has run, to look at; nothing is written.

    Args:
        night: Its context.
    """

    night: Night

    @property
    def date(self) -> date:
        """The logical date."""
        return self.night.logical_date

    @property
    def tables(self) -> list[str]:
        """The tables of the lake that the night has written."""
        lake = self.night.lake
        return [name for name in lake.list_tables() if name != "ledger" and lake.has(name, self.date)]

    def table(self, name: str) -> pd.DataFrame:
        """Return one of the night's tables.

        Raises:
            InputError: If the night has no such table; names those that it has.
        """
        if name not in self.tables:
            raise InputError(f"{self.date} has no table {name!r}; it has {', '.join(self.tables)}.")
        frame: pd.DataFrame = self.night.lake.read(name, self.date).to_pandas()
        return frame

    def recommend(self, user_ids: Sequence[str]) -> pd.DataFrame:
        """Return the lists of some users as they were made, with titles, prices and reasons, by rank.

        Users without a list have no rows.
        """
        lists = self.night.lake.read("lists/recommendations", self.date)
        own = lists.filter(pc.is_in(lists["user_id"], pc.cast(list(user_ids), "string")))
        items = self.night.lake.read("marts/dim_item", self.date, ["item_id", "title", "brand", "price"])
        joined = own.join(items, "item_id").sort_by([("user_id", "ascending"), ("rank", "ascending")])
        frame: pd.DataFrame = joined.to_pandas()
        return frame

    @cached_property
    def champion(self) -> NightModel:
        """The model that the gate chose for the night; its `recommend(user_ids, k)` knows no rules.

        Raises:
            InputError: If no model may score this night.
        """
        from handpick.stages.gate.public import read_decision
        from handpick.stages.score.night_model import NightModel

        chosen = read_decision(self.night.lake, self.date).champion_date
        if chosen is None:
            raise InputError(f"no model may score the night of {self.date}: its lists are by popularity.")
        return NightModel(self.night, chosen)


def open_night(day: date | str | None = None) -> OpenNight:
    """Open a night that has run.

    Args:
        day: The logical date, as a date or as `YYYY-MM-DD`; the newest by default.

    Raises:
        InputError: If there is no such night, or none at all.
    """
    settings = load()
    if day is None:
        nights = list_nights(settings)
        if not nights:
            raise InputError(
                f"no night has run in {settings.path(settings.lake.root)}; `handpick run` runs one."
            )
        return OpenNight(Night(settings, nights[-1]))
    try:
        chosen = date.fromisoformat(day) if isinstance(day, str) else day
    except ValueError:
        raise InputError(f"{day!r} is no date such as 2026-03-01; nothing was opened.") from None
    return OpenNight(require_night(settings, chosen))
