"""What was shown to whom, at which place, and how likely that was: the log behind exposure-corrected estimates."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from handpick.dataset.load import places
from handpick.dataset.time_split import windows
from handpick.night import Night
from models.data import Dataset, IntArray, Interactions, StringArray
from models.evaluation.exposure import IMPRESSION

Doubles = NDArray[np.float64]


class Showings(NamedTuple):
    """The log of impressions.

    Args:
        events: The impressions, of known users and items.
        place: `(shown,)` the place, from 0; 0 where it was not logged.
        propensity: `(shown,)` how likely the published list put the item there; NaN where it came from no list of ours.
    """

    events: Interactions
    place: IntArray
    propensity: Doubles


def without_log(data: Dataset) -> Showings:
    """The dataset's impressions, of which neither place nor list is known."""
    events = data.interactions.where(data.interactions.event_type == IMPRESSION)
    return Showings(events, np.zeros(len(events), np.int64), np.full(len(events), np.nan))


def showings(night: Night, data: Dataset) -> Showings:
    """Impressions of the validation and the test window, from the warehouse, beside the lists that they came from."""
    start = windows(night).train_end
    columns = ["user_id", "item_id", "event_type", "occurred_at", "position", "list_version"]
    since = datetime.fromtimestamp(start, UTC).date()
    facts = night.lake.read_through("marts/fct_interactions", night.logical_date, columns, since)
    facts = facts.filter(pc.equal(facts["event_type"].cast(pa.string()), "impression"))
    user, item = (
        places(facts[name], known)
        for name, known in (("user_id", data.users.user_ids), ("item_id", data.catalogue.item_ids))
    )
    at = facts["occurred_at"].cast(pa.timestamp("s", facts["occurred_at"].type.tz), safe=False)
    seconds = at.cast(pa.int64()).to_numpy()
    version = np.array(pc.fill_null(facts["list_version"].cast(pa.string()), "").to_pylist(), dtype=str)
    place = pc.fill_null(facts["position"].cast(pa.int64()), 1).to_numpy() - 1
    keep = (user >= 0) & (item >= 0) & (seconds >= start)
    user, item, seconds, version, place = (part[keep] for part in (user, item, seconds, version, place))
    events = Interactions(
        user, item, np.full(len(user), IMPRESSION, np.int8), np.zeros(len(user), np.float32), seconds
    )
    return Showings(events, place, _propensities(night, data, events, version))


def _propensities(night: Night, data: Dataset, shown: Interactions, version: StringArray) -> Doubles:
    """`(shown,)` what the lists of each version say; NaN where a version, or a phone on the user's list, is unknown."""
    found = np.full(len(shown), np.nan)
    nights = published(night)
    items = len(data.catalogue)
    for name in np.unique(version):
        day = nights.get(name.strip())
        if day is None:
            continue
        rows = np.flatnonzero(version == name)
        readers = pa.array(data.users.user_ids[np.unique(shown.user[rows])].tolist(), pa.string())
        lists = night.lake.read("lists/recommendations", day, ["user_id", "item_id", "propensity"])
        lists = lists.filter(pc.is_in(lists["user_id"].cast(pa.string()), readers))
        key = places(lists["user_id"], data.users.user_ids) * items
        key += places(lists["item_id"], data.catalogue.item_ids)
        order = np.argsort(key, kind="stable")
        key, chance = key[order], lists["propensity"].to_numpy()[order]
        wanted = shown.user[rows] * items + shown.item[rows]
        place = np.minimum(np.searchsorted(key, wanted), max(len(key) - 1, 0))
        if len(key):
            found[rows] = np.where(key[place] == wanted, chance[place], np.nan)
    return found


def published(night: Night) -> dict[str, date]:
    """The night whose lists each published version holds, of nights up to this one whose lists the lake still has."""
    nights = {}
    for day in night.lake.dates("lists/recommendations", night.logical_date):
        file = Night(night.settings, day).result_file("publish")
        if file.is_file():
            nights[str(json.loads(file.read_text())["notes"]["version"])] = day
    return nights
