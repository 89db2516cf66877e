"""A wrong date or id is one line for every command, never a traceback, and nothing runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from handpick.cli.main import app
from handpick.errors import HandpickError, InputError

NO_DATES = (
    "2024-02-30", "0001-01-01", "9999-12-31", "tomorrow", "", " ", "2026-3-1", "20260301", "2026-03-01T00:00",
    "２０２６-03-01", "2026-03-01\n", "1.3.2026", "-1", "'; drop table x; --", "\ud800",
)  # fmt: skip
ABSENT = "2031-07-09"
DATE_OPTIONS = {"--date", "--from", "--to", "--into", "--end-date"}
NEEDED = {"who": "me", "why": "so", "source": "events", "file": "absent.csv"}
"""Values of what a command needs beside its dates."""
IDS = (
    "",
    "U9999999",
    "'; drop table x; --",
    "ä" * 5000,
    "\ud800",
    "../../etc/passwd",
    "%s",
    "-1",
    "1e3",
    "9" * 20,
)


def list_commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that can be run, by its words."""
    for name, inner in getattr(command, "commands", {}).items():
        if hasattr(inner, "commands"):
            yield from list_commands(inner, (*path, name))
        elif not inner.hidden:
            yield (*path, name), inner


COMMANDS = dict(list_commands(get_command(app)))
DATED = {
    path: [option for option in command.params if DATE_OPTIONS & set(option.opts)]
    for path, command in COMMANDS.items()
    if any(DATE_OPTIONS & set(option.opts) for option in command.params)
}


@pytest.fixture(autouse=True)
def empty_shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shop without any night, in the working folder."""
    (tmp_path / "handpick.toml").touch()
    monkeypatch.setenv("HANDPICK_CONFIG", str(tmp_path / "handpick.toml"))
    monkeypatch.chdir(tmp_path)


def invoke(path: tuple[str, ...], given: dict[str, str]) -> BaseException | None:
    """Run a command with values for some of its parameters; return what it ended with."""
    options, arguments = [], []
    for parameter in COMMANDS[path].params:
        value = given.get(parameter.name) or (
            NEEDED.get(parameter.name, ABSENT) if parameter.required else None
        )
        value = given.get(parameter.name, value)
        if value is None:
            continue
        if parameter.opts[0].startswith("--"):
            options.append(f"{parameter.opts[0]}={value}")
        else:
            arguments.append(value)
    return CliRunner().invoke(app, [*path, *options, "--", *arguments]).exception


@pytest.mark.parametrize("path", DATED, ids=" ".join)
def test_what_is_no_date_is_one_line(path: tuple[str, ...]) -> None:
    assert len(DATED) > 20
    for option in DATED[path]:
        for text in NO_DATES:
            error = invoke(path, {option.name: text})
            assert isinstance(error, InputError), (option.name, text, error)
            assert "\n" not in str(error) and "Nothing was run." in str(error)


@pytest.mark.parametrize("path", [path for path in DATED if path[0] == "quarantine"], ids=" ".join)
def test_a_night_that_is_not_there_is_one_line(path: tuple[str, ...]) -> None:
    # `tests/cli/test_commands.py` does so for commands of one word.
    error = invoke(path, {})
    assert isinstance(error, HandpickError), error
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        (("lists",), "user"), (("lists",), "segment"), (("lists",), "phone"), (("rollback",), "version"),
        (("diff",), "before"), (("lineage",), "column"), (("settings",), "section"), (("init",), "place"),
        (("demo",), "rung"), (("demo",), "days"), (("backfill",), "through"), (("import", "gsmarena"), "file"),
    ],
)  # fmt: skip
def test_an_odd_id_is_one_line(path: tuple[str, ...], parameter: str) -> None:
    for text in IDS:
        error = invoke(path, {parameter: text})
        assert isinstance(error, HandpickError | SystemExit), (text, error)
        assert "\n" not in str(error)
