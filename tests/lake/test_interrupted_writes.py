"""A writer that is killed at any moment leaves the old partition or the new one, and a rerun mends the rest."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    program = Path(__file__).with_name("interrupted_writes.py")
    folder = tmp_path_factory.mktemp("lakes")
    done = subprocess.run([sys.executable, program, folder], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("before", ["none", "old"])
@pytest.mark.parametrize("how", ["exchange", "two renames"])
def test_a_kill_at_every_call_leaves_a_complete_partition(
    outcomes: dict[str, Any], before: str, how: str
) -> None:
    outcome = outcomes[f"{before}, {how}"]
    assert outcome["kills"] > 5
    assert set(outcome["seen"]) == ({"old", "new"} if before == "old" else {"none"})
    assert outcome["wrong"] == []


def test_where_names_can_be_swapped_queries_over_all_nights_never_miss_the_partition(
    outcomes: dict[str, Any],
) -> None:
    assert set(outcomes["old, exchange"]["seen_by_glob"]) == {"old", "new"}
