"""The commands: one per nightly stage; a stage's former name stops with the new one; help fits 80 columns."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from handpick.cli.main import app
from handpick.cli.settings import render_settings_page
from handpick.errors import HandpickError, InputError
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
    assert listed[-len(list_nightly_stages()) :] == [stage.command for stage in list_nightly_stages()]
    assert not set(FORMER) & set(listed)
    assert max(len(line) for line in text.splitlines()) <= 80


def test_the_version_is_one_line() -> None:
    done = run_handpick("--version")
    assert re.fullmatch(r"handpick \d+\.\d+\.\d+, Python 3\.\d+\.\d+\n", done.stdout), done.stdout


def test_the_shell_completes_commands_and_the_nights_that_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in ("2026-03-01", "2026-03-02", "2026-04-01"):
        (tmp_path / "var" / "lake" / "ledger" / f"logical_date={day}").mkdir(parents=True)
    (tmp_path / "handpick.toml").touch()
    monkeypatch.setenv("HANDPICK_CONFIG", str(tmp_path / "handpick.toml"))
    monkeypatch.setenv("_HANDPICK_COMPLETE", "complete_bash")

    def complete(line: str) -> list[str]:
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(line.count(" ")))
        # Completion asks for the program by its name.
        return CliRunner().invoke(app, [], prog_name="handpick").output.split()

    assert complete("handpick roll") == ["rollback"]
    assert complete("handpick show --date 2026-03") == ["2026-03-02", "2026-03-01"]


DATED = sorted(
    name
    for name, command in get_command(app).commands.items()  # type: ignore[attr-defined]
    if not command.hidden
    and any("--date" in option.opts for option in command.params)
    # `run` starts Airflow, `night` stops where `land` does, `check` explains what is missing, `demo` makes a shop.
    and name not in ("run", "night", "check", "demo")
)


@pytest.mark.parametrize("name", DATED)
def test_a_night_that_is_not_there_is_one_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "handpick.toml").touch()
    monkeypatch.setenv("HANDPICK_CONFIG", str(tmp_path / "handpick.toml"))
    needed = ("--who", "me", "--why", "so") if name == "override" else ()
    done = CliRunner().invoke(app, [name, "--date", "2031-07-09", *needed])
    assert isinstance(done.exception, HandpickError), done.exception or done.output
    assert "\n" not in str(done.exception)
    wrong = CliRunner().invoke(app, [name, "--date", "2026-02-30", *needed])
    assert isinstance(wrong.exception, InputError)


def test_sections_of_settings_are_shown_within_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = CliRunner().invoke(app, ["settings", "serving"]).output
    assert "keep_versions = 7" in shown and "`" not in shown and "[score]" not in shown
    assert max(len(line) for line in shown.splitlines()) <= 80
    assert isinstance(CliRunner().invoke(app, ["settings", "nonsense"]).exception, InputError)


def test_every_command_says_what_it_does_in_a_sentence() -> None:
    shown = [command for command in app.registered_commands if not command.hidden]
    texts = {
        command.name: command.help or (command.callback and command.callback.__doc__) for command in shown
    }
    assert texts and all(texts.values()), texts


def test_the_configuration_page_is_what_the_settings_say() -> None:
    written = Path(__file__).parents[2] / "docs" / "configuration.md"
    assert written.read_text(encoding="utf-8") == render_settings_page()
