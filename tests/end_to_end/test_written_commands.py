"""Every command of the README and the documentation works on a shop of two nights, and prints what its page shows."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from handpick.cli.main import app
from tests.documentation.written_commands import ROOT, Block, find_blocks, matches
from tests.end_to_end.conftest import House

PROGRAMS = ("handpick", ".venv/bin/handpick")
SHELL = set("|<>&;$`*?")
"""Characters for which a command needs a shell; `?` and `*` could be file names."""
BLOCKS = [block for block in find_blocks() if not block.reason]

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def desk(house: House, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop's folder with what a reader has beside it: the environment, and files of their own."""
    for name in (".venv", "dbt", "features", "scripts", "tests"):
        if not (house.folder / name).exists():
            (house.folder / name).symlink_to(ROOT / name)
    return house.folder


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.page}:{block.line}")
def test_the_commands_of_a_page_work(
    block: Block, house: House, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(desk)
    printed = []
    words = {command.split()[0] for command in block.commands}
    if SHELL & set("".join(block.commands)) or words & {"cd", "export", "source"}:
        printed.append(run_in_shell(block.text, house))
    else:
        for name, value in house.environment.items():
            monkeypatch.setenv(name, value)
        for command in block.commands:
            printed.append(run_here(command, house))
    if block.output:
        assert matches(block.output, "\n".join(printed)), "\n".join(printed)


def run_here(command: str, house: House) -> str:
    """Run a command in this process, which has loaded what commands need, if it is one of handpick."""
    program, *arguments = shlex.split(command)
    if program not in PROGRAMS:
        return run_in_shell(command, house)
    done = CliRunner().invoke(app, arguments, prog_name="handpick")
    # By its exit status, `status` tells a monitor that somebody must act; tests before have done things to the shop.
    is_told = arguments[0] == "status" and done.exit_code == 1 and "Act" in done.output
    assert done.exit_code == 0 or is_told, (command, done.output[-3000:], done.exception)
    return done.output


def run_in_shell(text: str, house: House) -> str:
    """Run commands in one shell, with the environment activated."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**house.environment, "PATH": path, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, (text, done.stdout[-3000:], done.stderr[-3000:])
    return done.stdout
