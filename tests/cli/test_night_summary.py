"""The tables that the command line prints can be read on a terminal of 80 columns."""

from __future__ import annotations

from datetime import date

from rich.console import Console

from handpick.cli.ablation import build_ablation_table
from handpick.cli.night_summary import build_ledger_table
from handpick.ledger.flows import Flow, StageResult
from handpick.stages.train.ablation import AblationRow
from models.evaluation.bootstrap import Interval


def test_numbers_of_a_large_night_are_whole_on_80_columns() -> None:
    flow = Flow("pairs of user and phone", 52_949_408, 3_387_847, {"out of stock": 49_561_561})
    result = StageResult("score", date(2026, 3, 1), "lists", (flow,), "")
    console = Console(width=80)
    with console.capture() as printed:
        console.print(build_ledger_table([result], 149.3))
    text = printed.get()
    assert "…" not in text
    for number in ("52,949,408", "3,387,847", "49,561,561", "seconds", "starts, loading, Airflow"):
        assert number in text
    assert max(len(line) for line in text.splitlines()) <= 80


def test_an_ablation_is_whole_on_80_columns() -> None:
    names = ("all", "cold_item", "cold_user", "launch_week", "query_only", "warm")
    slices = dict.fromkeys(names, 0.2291)
    first = AblationRow("as configured", 0.2291, Interval(0.0, 0.0, 0.0), slices, 22.4)
    other = first._replace(
        name="pretraining without masked_language", change=Interval(-0.0376, -0.0446, 0.0307)
    )
    console = Console(width=80)
    with console.capture() as printed:
        console.print(build_ablation_table([first, other], "NDCG@20"))
    text = printed.get()
    assert "…" not in text
    for number in (".2291", "-.0376", "-.0446", ".0307", "launch", ".229", "masked_language", "22"):
        assert number in text
    assert max(len(line) for line in text.splitlines()) <= 80
