"""The commands: one per nightly stage; a stage's former name stops with the new one; help fits 80 columns."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from handpick.cli.main import app
from handpick.cli.settings import render_settings_page
from handpick.pipeline.registry import STAGES, list_nightly_stages

FORMER = {stage.former_name: stage.command for stage in STAGES if stage.former_name}


def run_handpick(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, on a terminal of 80 columns."""
    command = [sys.executable, "-m", "handpick.cli.main", *arguments]
    environment = {**os.environ, "COLUMNS": "80"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_two_stages_have_former_names() -> None:
    assert FORMER == {"model": "warehouse", "features": "feature-store"}


@pytest.mark.parametrize("options", [(), ("--date", "2026-03-01"), ("--help",)])
def test_a_former_name_stops_with_one_line_that_says_the_new_one(options: tuple[str, ...]) -> None:
    for old, new in FORMER.items():
        done = run_handpick(str(old), *options)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == (
            f"handpick: `handpick {old}` is now called `handpick {new}`; nothing was run. Use the new name "
            "with the same options.\n"
        )


def test_help_lists_the_stages_by_their_present_names_on_80_columns() -> None:
    text = run_handpick("--help").stdout
    listed = [line.split()[1] for line in text.splitlines() if line.startswith("│ ") and line[2] != " "]
    assert [stage.command for stage in list_nightly_stages()] == listed[1 : 1 + len(list_nightly_stages())]
    assert not set(FORMER) & set(listed)
    assert max(len(line) for line in text.splitlines()) <= 80


def test_every_command_says_what_it_does_in_a_sentence() -> None:
    shown = [command for command in app.registered_commands if not command.hidden]
    texts = {
        command.name: command.help or (command.callback and command.callback.__doc__) for command in shown
    }
    assert texts and all(texts.values()), texts


def test_the_configuration_page_is_what_the_settings_say() -> None:
    written = Path(__file__).parents[2] / "docs" / "configuration.md"
    assert written.read_text(encoding="utf-8") == render_settings_page()
