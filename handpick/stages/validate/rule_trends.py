"""Computes the share of rows that broke each rule, by night."""

from __future__ import annotations

from collections import Counter

import pyarrow.compute as pc

from handpick.night import Night

TABLE = "ledger_flows"


def compute_rule_rates(night: Night, nights: int = 30, max_rules: int = 8) -> dict[str, dict[str, float]]:
    """Return the percentage of a source's rows that each rule quarantined, by `source: rule` and ISO date.

    Args:
        night: The last night of the trend.
        nights: Number of nights up to and including it, as far as the ledger holds them.
        max_rules: Number of rules to return, those with the highest rate on any night.

    Returns:
        Percentages from 0 to 100; 0 on nights on which no row broke the rule.
    """
    days = night.lake.list_dates(TABLE, night.logical_date)[-nights:]
    rates: dict[str, dict[str, float]] = {}
    for day in days:
        ledger = night.lake.read(TABLE, day)
        mine = ledger.filter(pc.and_(pc.equal(ledger["stage"], "validate"), pc.is_valid(ledger["reason"])))
        for row in mine.to_pylist():
            rule = f"{row['source']}: {row['reason']}"
            rates.setdefault(rule, {})[day.isoformat()] = 100 * row["reason_rows"] / row["rows_in"]
    highest = Counter({rule: max(by_day.values()) for rule, by_day in rates.items()})
    return {
        rule: {day.isoformat(): rates[rule].get(day.isoformat(), 0.0) for day in days}
        for rule, _ in sorted(highest.items(), key=lambda pair: (-pair[1], pair[0]))[:max_rules]
    }
