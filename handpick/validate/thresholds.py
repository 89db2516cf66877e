"""When quarantined rows stop the night: by share, by rule, and by volume against the last nights."""

from __future__ import annotations

from statistics import median

from handpick.contracts import CONTRACTS
from handpick.errors import NightStopped
from handpick.ledger import Flow
from handpick.night import Night


def check(night: Night, flow: Flow) -> list[str]:
    """Warnings about one source.

    Raises:
        NightStopped: If too many rows were quarantined, or the volume is far from the last nights' median.
    """
    limits = night.settings.validate_
    where = night.lake.partition(f"quarantine/{flow.source}", night.logical_date)
    if not flow.rows_in:
        return []
    warnings = []
    share = flow.rows_dropped / flow.rows_in
    told = ", ".join(
        f"{count:,} {reason}" for reason, count in sorted(flow.dropped.items(), key=lambda pair: -pair[1])
    )
    if share > limits.stop_share:
        raise NightStopped(
            f"{share:.0%} of {flow.source} ({flow.rows_dropped:,} of {flow.rows_in:,} rows) break the contract, more than "
            f"validate.stop_share = {limits.stop_share:.0%}: {told}. They lie in {where}; last night's lists stay current."
        )
    for reason, limit in limits.stop_shares_by_rule.items():
        broken = flow.dropped.get(reason, 0) / flow.rows_in
        if broken > limit:
            raise NightStopped(
                f"{broken:.1%} of {flow.source}: {reason}, more than its limit of {limit:.1%}. The rows lie in {where}; "
                "last night's lists stay current."
            )
    if share > limits.warn_share:
        warnings.append(f"{share:.1%} of {flow.source} were quarantined: {told}")
    _check_volume(night, flow)
    return warnings


def _check_volume(night: Night, flow: Flow) -> None:
    if not CONTRACTS[flow.source].is_log:
        return
    limits = night.settings.validate_
    table = f"raw/{flow.source}"
    # the first night brings the whole history and is no measure for a night
    days = [day for day in night.lake.dates(table) if day < night.logical_date][1:][-limits.volume_nights :]
    if len(days) < 3:
        return
    usual = median(_rows(night, table, day) for day in days)
    if usual and not limits.volume_low <= flow.rows_in / usual <= limits.volume_high:
        raise NightStopped(
            f"{flow.source} brought {flow.rows_in:,} rows; the median of the last {len(days)} nights is {usual:,.0f}. "
            f"Allowed are {limits.volume_low:g} to {limits.volume_high:g} times that (validate.volume_low, volume_high). "
            "Last night's lists stay current."
        )


def _rows(night: Night, table: str, day):  # type: ignore[no-untyped-def]
    import pyarrow.dataset as ds

    return ds.dataset(night.lake.partition(table, day), format="parquet").count_rows()
