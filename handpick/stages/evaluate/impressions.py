"""The log of impressions: what was shown to whom, at which position, and with which propensity.

Off-policy estimates (`off_policy`) correct clicks by it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from handpick.dataset.load import index_ids
from handpick.dataset.published_nights import find_published_nights
from handpick.dataset.time_split import compute_time_split
from handpick.night import Night
from models.dataset import Dataset, IntArray, Interactions, StringArray
from models.evaluation.off_policy import IMPRESSION

Doubles = NDArray[np.float64]


class ImpressionLog(NamedTuple):
    """The log of impressions.

    Args:
        events: The impressions of known users and items.
        position: `(impressions,) int64` position on the list, from 0; 0 where it was not logged.
        propensity: `(impressions,) float64` probability with which the published list put the item there; NaN
            where the impression did not come from a published list.
    """

    events: Interactions
    position: IntArray
    propensity: Doubles


def make_unlogged_impressions(data: Dataset) -> ImpressionLog:
    """Return the dataset's impressions as a log in which neither positions nor propensities are known."""
    events = data.interactions.where(data.interactions.event_type == IMPRESSION)
    return ImpressionLog(events, np.zeros(len(events), np.int64), np.full(len(events), np.nan))


def read_impressions(night: Night, data: Dataset) -> ImpressionLog:
    """Read the impressions of the validation and the test window from the warehouse, with their propensities.

    Args:
        night: Night whose lake is read.
        data: The dataset; impressions of users and items that it does not know are left out.
    """
    # Impressions of the validation window serve to fit the examination curve; clicks are estimated on the
    # test window.
    start = compute_time_split(night).train_end
    columns = ["user_id", "item_id", "event_type", "occurred_at", "position", "list_version"]
    since = datetime.fromtimestamp(start, UTC).date()
    facts = night.lake.read_through("marts/fct_interactions", night.logical_date, columns, since)
    # Cast: the column may be dictionary-encoded.
    facts = facts.filter(pc.equal(facts["event_type"].cast(pa.string()), "impression"))
    user, item = (
        index_ids(facts[name], known)
        for name, known in (("user_id", data.users.user_ids), ("item_id", data.catalogue.item_ids))
    )
    at = facts["occurred_at"].cast(pa.timestamp("s", facts["occurred_at"].type.tz), safe=False)
    seconds = at.cast(pa.int64()).to_numpy()
    version = np.array(pc.fill_null(facts["list_version"].cast(pa.string()), "").to_pylist(), dtype=str)
    # Positions are logged from 1; a missing one counts as the first.
    place = pc.fill_null(facts["position"].cast(pa.int64()), 1).to_numpy() - 1
    keep = (user >= 0) & (item >= 0) & (seconds >= start)
    user, item, seconds, version, place = (part[keep] for part in (user, item, seconds, version, place))
    events = Interactions(
        user, item, np.full(len(user), IMPRESSION, np.int8), np.zeros(len(user), np.float32), seconds
    )
    return ImpressionLog(events, place, _read_propensities(night, data, events, version))


def _read_propensities(night: Night, data: Dataset, shown: Interactions, version: StringArray) -> Doubles:
    """Return `(impressions,)` propensities from the published lists.

    NaN where the version is unknown, or the phone is not on the user's list of that version.
    """
    found = np.full(len(shown), np.nan)
    nights = find_published_nights(night)
    items = len(data.catalogue)
    for name in np.unique(version):
        day = nights.get(name.strip())
        if day is None:
            continue
        rows = np.flatnonzero(version == name)
        # Only these users' lists are read: a version holds millions of rows.
        listed_users = pa.array(data.users.user_ids[np.unique(shown.user[rows])].tolist(), pa.string())
        lists = night.lake.read("lists/recommendations", day, ["user_id", "item_id", "propensity"])
        lists = lists.filter(pc.is_in(lists["user_id"].cast(pa.string()), listed_users))
        # One number per pair of user and item, looked up by binary search.
        key = index_ids(lists["user_id"], data.users.user_ids) * items
        key += index_ids(lists["item_id"], data.catalogue.item_ids)
        order = np.argsort(key, kind="stable")
        key, propensity = key[order], lists["propensity"].to_numpy()[order]
        shown_key = shown.user[rows] * items + shown.item[rows]
        match = np.minimum(np.searchsorted(key, shown_key), max(len(key) - 1, 0))
        if len(key):
            found[rows] = np.where(key[match] == shown_key, propensity[match], np.nan)
    return found
