"""A night of damaged files: the ledger balances for each file, and no intact row is lost."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from handpick.contracts import CONTRACTS
from handpick.night import Night
from handpick.runtime.dataframes import start_engine
from handpick.stages import land
from handpick.stages.validate.source_validation import validate_source

FILES = 200


def test_a_night_of_damaged_files_balances_for_each_file(tmp_path: Path, night: Callable[..., Night]) -> None:
    path = Path(__file__).parents[1] / "land" / "damage.py"
    spec = importlib.util.spec_from_file_location("damage", path)
    assert spec and spec.loader
    damage = importlib.util.module_from_spec(spec)
    sys.modules["damage"] = damage
    spec.loader.exec_module(damage)

    folder = tmp_path / "landing" / "events"
    folder.mkdir(parents=True)
    corpus = [damage.damaged(seed) for seed in range(FILES)]
    for number, file in enumerate(corpus):
        (folder / f"{number}{file.suffix}").write_bytes(file.content)
    users = "user_id,signed_up_at,consent\nu1,2025-01-01T00:00:00Z,true\n"
    items = "item_id,title,in_stock,updated_at\np1,Phone,yes,2026-01-10T00:00:00Z\n"
    for source, text in {"users": users, "catalog": items}.items():
        (tmp_path / "landing" / source).mkdir()
        (tmp_path / "landing" / source / "all.csv").write_text(text)
    tonight = night(sources={"queries": {"needed": "never"}})
    land.run(tonight)
    with start_engine(tonight.settings, rows=0) as engine:
        flows = {
            name: validate_source(engine, tonight, CONTRACTS[name]).flow
            for name in ("catalog", "users", "events")
        }
    by_file = [
        Counter(tonight.lake.read(f"{kind}/events", tonight.logical_date).column("_source_file").to_pylist())
        for kind in ("raw", "valid", "quarantine")
    ]
    assert by_file[0] == by_file[1] + by_file[2]
    assert flows["events"].rows_in == sum(by_file[0].values())
    kept = set(tonight.lake.read("valid/events", tonight.logical_date).column("event_id").to_pylist())
    assert {name for file in corpus for name in file.whole} <= kept
