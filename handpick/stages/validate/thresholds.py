"""Checks the thresholds that stop a night: quarantined share, share of single rules, row volume, and age."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from statistics import median

import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from handpick.contracts import CONTRACTS
from handpick.contracts.rules import HARMLESS_REASONS
from handpick.errors import NightStopped
from handpick.ledger.flows import Flow
from handpick.night import Night
from handpick.stages.validate.learned_limits import MIN_NIGHTS, UsualRange, learn_range
from handpick.stages.validate.type_drift import propose_settings

STOP_RISK, WARN_RISK = 1e-4, 1e-2
"""Risks with which a usual night would be outside of the range that stops it, and of the one that warns."""
LEARNED_NIGHTS = 56
"""Earlier nights from which ranges are learned: eight of each weekday."""
MIN_STOP_FACTOR = 2.0
"""Between the usual number divided and multiplied by it no volume stops a night."""
LISTS_STAY = "The lists published before stay current"


def check_thresholds(night: Night, flow: Flow) -> list[str]:
    """Check the thresholds of one source and return its warnings.

    Raises:
        NightStopped: If too many rows were quarantined, by one rule or in all, the volume is far from the
            median of the last nights, or the newest row is too old; the message is one line with rule, rows
            and partition.
    """
    if not flow.rows_in:
        return []
    return _check_shares(night, flow) + _check_volume(night, flow) + _check_freshness(night, flow)


def _check_shares(night: Night, flow: Flow) -> list[str]:
    """Check the quarantined share of each rule and of all rules; return warnings or raise NightStopped."""
    limits = night.settings.validation
    where = night.lake.partition(f"quarantine/{flow.source}", night.logical_date)
    next_step = (
        f"They are in {where} (`handpick quarantine list --date {night.logical_date} --source "
        f"{flow.source}`). {LISTS_STAY}; correct the file, or raise"
    )
    warnings = []
    for reason, count in flow.dropped.items():
        share = count / flow.rows_in
        stop, warn = limits.stop_shares_by_rule.get(reason), limits.warn_shares_by_rule.get(reason)
        if stop is not None and share > stop:
            raise NightStopped(
                f"{count:,} of {flow.rows_in:,} rows of {flow.source} ({share:.1%}) break the rule "
                f"'{reason}', whose limit is {stop:.1%}. {next_step} validation.stop_shares_by_rule, and "
                "run the night again."
            )
        if warn is not None and share > warn:
            warnings.append(
                f"{share:.1%} of {flow.source} were quarantined: {reason} (warns above {warn:.1%})"
            )
    reasons = ", ".join(
        f"{count:,} {reason}" for reason, count in sorted(flow.dropped.items(), key=lambda pair: -pair[1])
    )
    # A file that is delivered twice is no reason to stop: its rows are in the lake already.
    bad = flow.rows_dropped - sum(flow.dropped.get(reason, 0) for reason in HARMLESS_REASONS)
    share = bad / flow.rows_in
    # One bad row of four is a large share, but no reason to stop the night.
    are_many = bad >= limits.stop_min_rows or bad == flow.rows_in
    if share > limits.stop_share and are_many:
        raise NightStopped(
            f"{share:.0%} of {flow.source} ({bad:,} of {flow.rows_in:,} rows) break the contract, more than "
            f"{limits.stop_share:.0%}: {reasons}. {next_step} validation.stop_share, and run the night "
            f"again.{propose_settings(night, flow)}"
        )
    if share > limits.warn_share:
        warnings.append(f"{share:.1%} of {flow.source} were quarantined: {reasons}")
    return warnings


def _check_volume(night: Night, flow: Flow) -> list[str]:
    """Check the row count against earlier nights; return a warning or raise NightStopped.

    The range is learned where there are enough nights and `[validation]` sets none; else it is a multiple of
    the median of the last nights, of which there must be three.
    """
    limits, volume = night.settings.validation, CONTRACTS[flow.source].volume
    if volume is None:
        return []
    table = f"raw/{flow.source}"
    # The first night brings the whole history, which does not show the volume of a usual night.
    before = [day for day in night.lake.list_dates(table) if day < night.logical_date][1:]
    if limits.volume_low is None and limits.volume_high is None and len(before) >= MIN_NIGHTS:
        days = before[-LEARNED_NIGHTS:]
        counts = [_count_rows(night, table, day) for day in days]
        return _check_learned_volume(night, flow, days, counts)
    days = before[-limits.volume_nights :]
    if len(days) < 3:
        return []
    usual = median(_count_rows(night, table, day) for day in days)
    low = volume.min_ratio if limits.volume_low is None else limits.volume_low
    high = volume.max_ratio if limits.volume_high is None else limits.volume_high
    is_set = (limits.volume_low, limits.volume_high) != (None, None)
    why = "" if is_set else f", until {MIN_NIGHTS} nights tell what is usual"
    if usual and not low <= flow.rows_in / usual <= high:
        raise NightStopped(
            f"{flow.source} has {flow.rows_in:,} rows; the median of the last {len(days)} nights is "
            f"{usual:,.0f}, and {low:g} to {high:g} times that is allowed{why}. {LISTS_STAY}; if the number "
            "is right, set validation.volume_low or volume_high and run the night again."
        )
    return []


def _check_learned_volume(night: Night, flow: Flow, days: list[date], counts: list[int]) -> list[str]:
    """Check the row count against the learned range; return a warning or raise NightStopped."""
    range_to_stop = learn_range(days, counts, night.logical_date, STOP_RISK)
    range_to_warn = learn_range(days, counts, night.logical_date, WARN_RISK)
    if range_to_stop is None or range_to_warn is None:
        return []
    weekday = f"{night.logical_date:%A}s" if range_to_stop.is_by_weekday else "nights"
    told = (
        f"{flow.source} has {flow.rows_in:,} rows; by the last {range_to_stop.nights} nights {weekday} have "
        f"{range_to_stop.usual:,.0f}"
    )
    if is_far_from_usual(flow.rows_in, range_to_stop):
        raise NightStopped(
            f"{told}, and {range_to_stop.low:,.0f} to {range_to_stop.high:,.0f} is usual. {LISTS_STAY}; if "
            "the number is right, set validation.volume_low or volume_high and run the night again."
        )
    if not range_to_warn.low <= flow.rows_in <= range_to_warn.high:
        return [f"{told}, and {range_to_warn.low:,.0f} to {range_to_warn.high:,.0f} on 99 of 100"]
    return []


def is_far_from_usual(rows: float, learned: UsualRange) -> bool:
    """Return whether a row count stops a night: outside of its range, and not half to double the usual."""
    is_outside = not learned.low <= rows <= learned.high
    return is_outside and not learned.usual / MIN_STOP_FACTOR <= rows <= learned.usual * MIN_STOP_FACTOR


def _count_rows(night: Night, table: str, day: date) -> int:
    """Return the number of rows of a partition."""
    count: int = ds.dataset(night.lake.partition(table, day), format="parquet").count_rows()
    return count


def _check_freshness(night: Night, flow: Flow) -> list[str]:
    """Check the age of the newest valid row; return a warning or raise NightStopped."""
    freshness = CONTRACTS[flow.source].freshness
    if freshness is None:
        return []
    column = night.lake.read(f"valid/{flow.source}", night.logical_date, [freshness.column]).column(0)
    newest: datetime | None = pc.max(column).as_py()
    if newest is None:
        return []
    hours = (night.as_of - newest).total_seconds() / 3600
    if hours > freshness.stop_hours:
        raise NightStopped(
            f"the newest {flow.source} row is of {newest:%Y-%m-%d %H:%M} UTC, {hours / 24:.0f} days before "
            f"the night's end; {freshness.stop_hours / 24:.0f} are allowed. {LISTS_STAY}; bring newer rows, "
            "or run the date that they belong to."
        )
    ages = _read_earlier_ages(night, flow.source, freshness.column)
    learned = learn_range(list(ages), list(ages.values()), night.logical_date, WARN_RISK, floor=0.2)
    if learned is None and hours > freshness.warn_hours:
        return [f"the newest {flow.source} row is {hours / 24:.1f} days old"]
    if learned is not None and hours > max(learned.high, 1.0):
        return [
            f"the newest {flow.source} row is {hours / 24:.1f} days old; by the last {learned.nights} nights "
            f"{learned.usual / 24:.1f} days are usual, and up to {learned.high / 24:.1f} on 99 of 100"
        ]
    return []


def _read_earlier_ages(night: Night, source: str, column: str) -> dict[date, float]:
    """Return how many hours before its end the newest row of each earlier night was, as its file says."""
    ages: dict[date, float] = {}
    table = f"valid/{source}"
    for day in [day for day in night.lake.list_dates(table) if day < night.logical_date][1:][
        -LEARNED_NIGHTS:
    ]:
        newest = [
            group.column(place).statistics.max
            for file in night.lake.partition(table, day).glob("*.parquet")
            for metadata in [pq.read_metadata(file)]
            for place in [metadata.schema.names.index(column)]
            for group in map(metadata.row_group, range(metadata.num_row_groups))
            if group.column(place).statistics is not None and group.column(place).statistics.has_min_max
        ]
        if newest:
            hours = (replace(night, logical_date=day).as_of - max(newest)).total_seconds() / 3600
            ages[day] = max(0.0, hours)
    return ages
