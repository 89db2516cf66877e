"""Compares a night's profiles with those of the nights before, and tells what differs more than by chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from handpick.errors import DamagedData, MissingPartition
from handpick.lake.partitions import Lake
from handpick.night import Night
from handpick.stages.report.drift.profiles import profile_night
from handpick.stages.validate.public import MIN_NIGHTS, learn_range, learn_upper_limit

PROFILES_TABLE, DRIFT_TABLE = "drift/profiles", "drift/comparison"
MIN_REFERENCE = 7
"""Nights that a distribution is compared with at least."""
DRIFT_SCHEMA = pa.schema(
    [
        ("kind", pa.string()),
        ("name", pa.string()),
        ("rows", pa.int64()),
        ("distance", pa.float64()),
        ("usual", pa.float64()),
        ("low", pa.float64()),
        ("limit", pa.float64()),
        ("is_alarm", pa.bool_()),
        ("nights", pa.int32()),
        ("what", pa.string()),
    ]
)
"""A row per watched distribution: its distance (of counts the count itself) from the nights before, what is
usual, and the limits (`low` is null for distances); null limits where there are too few nights."""

Profile = Mapping[str, Any]
Floats = npt.NDArray[np.float64]


def compare_night(night: Night) -> pa.Table:
    """Write the night's profiles and their comparison with the nights before, and return the comparison."""
    settings = night.settings.drift
    lake, tonight = night.lake, night.logical_date
    profiles = profile_night(night)
    lake.write(PROFILES_TABLE, tonight, profiles)
    # Twice the window: each night of the reference is itself compared with the nights before it.
    days = [day for day in lake.list_dates(PROFILES_TABLE) if day < tonight][-2 * settings.nights :]
    past = {day: _read_profiles(lake, day) for day in days}
    watched = profiles.to_pylist()
    # All together are right with the stated probability: each alone has its part of the risk.
    risk = 1 / settings.nights_per_false_alarm / max(len(watched), 1)
    rows = [
        _compare(one, [(day, found[one["name"]]) for day, found in past.items() if one["name"] in found],
                 tonight, settings.nights, risk)
        for one in watched
    ]  # fmt: skip
    comparison = pa.Table.from_pylist(rows, DRIFT_SCHEMA)
    lake.write(DRIFT_TABLE, tonight, comparison)
    return comparison


def read_comparison(lake: Lake, logical_date: date) -> list[dict[str, Any]]:
    """Return the rows of a night's comparison, alarms first; none where it was not made."""
    try:
        rows: list[dict[str, Any]] = lake.read(DRIFT_TABLE, logical_date).to_pylist()
    except MissingPartition:
        return []
    return sorted(rows, key=lambda row: not row["is_alarm"])


def _read_profiles(lake: Lake, day: date) -> dict[str, Profile]:
    """Return the profiles of an earlier night by name; none where they are damaged, as if it had none."""
    try:
        return {row["name"]: row for row in lake.read(PROFILES_TABLE, day).to_pylist()}
    except DamagedData:
        return {}


def _compare(
    tonight: Profile, past: Sequence[tuple[date, Profile]], day: date, nights: int, risk: float
) -> dict[str, Any]:
    """Return the comparison of one distribution, a row of `DRIFT_SCHEMA`."""
    row = {name: tonight[name] for name in ("kind", "name", "rows")}
    window = past[-nights:]
    if tonight["form"] == "count":
        counts = [float(one["values"][0]) for _, one in window]
        value = float(tonight["values"][0])
        usual = learn_range([when for when, _ in window], counts, day, risk)
        is_alarm = usual is not None and not usual.low <= value <= usual.high
        limits = {"usual": usual.usual, "low": usual.low, "limit": usual.high} if usual else {}
        return {
            **row,
            "distance": value,
            "is_alarm": is_alarm,
            "nights": len(window),
            "what": "rows",
            **limits,
        }
    distances, what = measure_distances([*(one for _, one in past), tonight], nights)
    if not len(distances):
        return {**row, "distance": None, "is_alarm": False, "nights": len(window), "what": ""}
    limit = learn_upper_limit(distances[:-1].tolist()[-nights:], risk)
    return {
        **row,
        "distance": float(distances[-1]),
        "usual": float(np.median(distances[:-1])) if len(distances) > 1 else None,
        "limit": limit,
        "is_alarm": limit is not None and bool(distances[-1] > limit),
        "nights": len(window),
        "what": what,
    }


def measure_distances(profiles: Sequence[Profile], nights: int) -> tuple[Floats, str]:
    """Measure how far each night is from the mean of the nights before it.

    Numbers: the Wasserstein distance of the distributions, by the width of the middle half of the reference.
    Labels: the Jensen-Shannon distance of the shares. Vectors: the distance of the means, by the spread of
    the vectors. A changed share of missing values is added to each.

    Args:
        profiles: The profiles of one distribution, oldest first.
        nights: Size of the reference.

    Returns:
        The distances, from the first night on that has `MIN_REFERENCE` nights before it, and what of the last
        one differs most.
    """
    form, width = profiles[-1]["form"], len(profiles[-1]["values"])
    labels = sorted({label for one in profiles for label in one["labels"]})
    # Nights before another encoder have vectors of another width.
    profiles = [one for one in profiles if labels or len(one["values"]) == width]
    matrix = _align(profiles, labels)
    missing = np.array([one["missing"] for one in profiles])
    found, what = [], ""
    for place in range(MIN_REFERENCE, len(profiles)):
        reference = matrix[max(0, place - nights) : place].mean(axis=0)
        distance, what = _measure(form, matrix[place], reference, labels)
        found.append(distance + abs(missing[place] - missing[max(0, place - nights) : place].mean()))
    return np.array(found), what


def _align(profiles: Sequence[Profile], labels: list[str]) -> Floats:
    """Return the values of all nights as `(nights, n)`; a label that a night lacks has a share of 0."""
    if labels:
        shares = [dict(zip(one["labels"], one["values"], strict=True)) for one in profiles]
        return np.array([[share.get(label, 0.0) for label in labels] for share in shares])
    return np.array([one["values"] for one in profiles])


def _measure(form: str, tonight: Floats, reference: Floats, labels: list[str]) -> tuple[float, str]:
    """Return the distance of a night from its reference, and what differs most."""
    if form == "labels":
        middle = (tonight + reference) / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            parts = [np.where(one > 0, one * np.log2(one / middle), 0.0) for one in (tonight, reference)]
        most = int(np.argmax(np.abs(tonight - reference)))
        what = f"{labels[most]}: {reference[most]:.1%} before, {tonight[most]:.1%} tonight"
        return float(np.sqrt(max(0.0, (parts[0].sum() + parts[1].sum()) / 2))), what
    if form == "vectors":
        spread = max(float(reference[-1]), 1e-12)
        return float(np.linalg.norm(tonight[:-1] - reference[:-1])) / spread, "the mean of the vectors moved"
    last = len(reference) - 1
    width = reference[3 * last // 4] - reference[last // 4]
    scale = width or float(reference[-1] - reference[0]) or max(abs(float(reference[-1])), 1.0)
    middle_before, middle_now = reference[last // 2], tonight[last // 2]
    what = f"median {middle_before:,.4g} before, {middle_now:,.4g} tonight"
    return float(np.abs(tonight - reference).mean() / scale), what


__all__ = [
    "DRIFT_TABLE",
    "MIN_NIGHTS",
    "PROFILES_TABLE",
    "compare_night",
    "measure_distances",
    "read_comparison",
]
