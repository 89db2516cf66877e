"""Commands start fast, as they load only the libraries that they use."""

from __future__ import annotations

from pathlib import Path

from benchmarks.starts import CommandRun, find_surplus, list_inspecting_commands, run_command
from handpick.pipeline.registry import list_nightly_stages
from tests.end_to_end.conftest import House

QUICK_LIBRARIES = {"duckdb", "psycopg", "pyarrow", "pyarrow.parquet"}
"""Stages that preload no others start fast."""
HELP_SECONDS, LISTS_SECONDS = 0.5, 0.8
"""Processor time that the help and a user's list may take."""


def check_loaded(command: list[str], environment: dict[str, str]) -> CommandRun:
    """Run a command and check that it loads no library that it may not."""
    run = run_command(command, environment)
    assert not find_surplus(command, run), (command, run.output[-2000:])
    return run


def test_commands_that_look_at_a_shop_load_only_what_they_may(house: House, tmp_path: Path) -> None:
    night = str(house.nights()[-1].logical_date)
    for command in list_inspecting_commands(house.folder, night):
        run = check_loaded(command, house.environment)
        refused = command[0] in {"rollback", "override", "import", "demo"}
        assert run.status == int(refused), (command, run.output)
        assert "Traceback" not in run.output, (command, run.output)


def test_quick_stages_load_only_what_they_may(tmp_path: Path) -> None:
    (tmp_path / "handpick.toml").touch()
    quick = [stage for stage in list_nightly_stages() if set(stage.preload) <= QUICK_LIBRARIES]
    assert len(quick) > 3
    for stage in quick:
        run = check_loaded(
            [stage.command, "--date", "2026-03-01"], {"HANDPICK_CONFIG": str(tmp_path / "handpick.toml")}
        )
        assert run.status == 1, run.output


def test_the_help_and_a_list_take_little_processor_time(house: House) -> None:
    seconds = {
        command[0]: min(run_command(command, house.environment).seconds for _ in range(2))
        for command in (["--help"], ["lists", "--segment", "all"])
    }
    assert seconds["--help"] < HELP_SECONDS
    assert seconds["lists"] < LISTS_SECONDS
