"""One process at a time runs a night; another one waits, and says for which process."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from handpick.lake.partitions import digest_partitions
from handpick.night import Night
from handpick.settings.load import Settings, load

DAY = date(2026, 1, 10)
FILES = {
    "catalog/a.jsonl": '{"item_id": "p1", "title": "Phone", "in_stock": true, "updated_at": "2026-01-10T01:00:00Z"}\n',
    "users/a.csv": "user_id,signed_up_at,consent\nu1,2025-01-01T00:00:00Z,true\n",
    "events/a.csv": "event_id,user_id,item_id,event_type,occurred_at\ne1,u1,p1,view,2026-01-10T02:00:00Z\n",
    "queries/a.jsonl": '{"query_id": "q1", "user_id": "u1", "text": "hi", "occurred_at": "2026-01-10T02:00:00Z"}\n',
}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, text in FILES.items():
        file = tmp_path / "landing" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    config = tmp_path / "handpick.toml"
    config.write_text('[lake]\nroot = "lake"\nlanding = "landing"\n')
    monkeypatch.setenv("HANDPICK_CONFIG", str(config))
    return load()


def start_landing(**environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "handpick.cli.main", "land", "--date", str(DAY)]
    return subprocess.Popen(command, env={**os.environ, **environment}, stderr=subprocess.PIPE, text=True)


def test_a_second_process_says_who_runs_the_night_and_both_at_once_land_the_same(settings: Settings) -> None:
    night = Night(settings, DAY)
    with night.lock(f"the night of {DAY}"):
        refused = start_landing(HANDPICK__LAKE__LOCK_TIMEOUT_S="0.5")
        _, told = refused.communicate()
    assert refused.returncode == 1
    last = told.splitlines()[-1]
    assert f"land of {DAY}: process {os.getpid()} on" in last
    assert f"is busy with the night of {DAY} since" in last
    assert not night.lake.has("raw/events", DAY)
    both = [start_landing() for _ in range(2)]
    for process in both:
        assert process.communicate()[1].splitlines()[-1].startswith("land done")
    assert [process.returncode for process in both] == [0, 0]
    digest = night.result("land").digest
    assert digest == digest_partitions(
        night.lake, [f"raw/{name}" for name in ("catalog", "users", "events", "queries")], DAY
    )
