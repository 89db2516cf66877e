"""What a night prints: readable on a terminal of 80 columns."""

from __future__ import annotations

from datetime import date

from rich.console import Console

from handpick.house.show import stage_table
from handpick.ledger import Flow, StageResult


def test_numbers_of_a_large_night_are_whole_on_80_columns() -> None:
    flow = Flow("pairs of user and phone", 52_949_408, 3_387_847, {"out of stock": 49_561_561})
    result = StageResult("score", date(2026, 3, 1), "lists", (flow,), "")
    console = Console(width=80)
    with console.capture() as printed:
        console.print(stage_table([result], 149.3))
    text = printed.get()
    assert "…" not in text
    for told in ("52,949,408", "3,387,847", "49,561,561", "seconds", "starts, loading, Airflow"):
        assert told in text
    assert max(len(line) for line in text.splitlines()) <= 80
