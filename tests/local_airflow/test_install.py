"""The installer's error where the machine lacks Python or Java."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

INSTALL = Path(__file__).parents[2] / "scripts" / "install.sh"
TOOLS = ("bash", "sed", "head", "sha256sum", "cut", "cat", "date", "dirname", "mkdir", "ln", "rm")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A copy of the files that the installer reads, and a folder for the PATH without Python and Java."""
    (tmp_path / "scripts").mkdir()
    for file in (INSTALL, INSTALL.with_name("packages.sh")):
        shutil.copy(file, tmp_path / "scripts")
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(INSTALL.parents[1] / name, tmp_path)
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in TOOLS:
        (tools / name).symlink_to(str(shutil.which(name)))
    return tmp_path


def program(folder: Path, name: str, body: str) -> None:
    """Put a small shell program on the PATH."""
    file = folder / "bin" / name
    file.write_text(f"#!/bin/bash\n{body}\n")
    file.chmod(0o755)


def install(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the installer with nothing else on the PATH."""
    environment = {
        "PATH": str(folder / "bin"),
        "HOME": str(folder),
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        **variables,
    }
    return subprocess.run(
        [str(folder / "scripts" / "install.sh")], env=environment, capture_output=True, text=True, check=False
    )


def test_without_a_usable_python_one_line_says_what_to_install(bare: Path) -> None:
    program(bare, "python3", '[[ $1 == --version ]] && echo "Python 3.9.2" && exit; exit 1')
    done = install(bare)
    assert done.returncode == 1
    assert done.stderr.startswith("handpick: Python 3.11 or 3.12 is needed (Python 3.9.2 found).")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(("version", "found"), [("11.0.2", "11"), (None, "none")])
def test_without_a_new_enough_java_one_line_says_what_to_install_for_spark(
    bare: Path, version: str | None, found: str
) -> None:
    program(bare, "python3", "exit 0")
    if version:
        program(bare, "java", f"echo 'openjdk version \"{version}\" 2019-01-15' >&2")
    done = install(bare, HANDPICK__TRANSFORM__ENGINE="spark")
    assert done.returncode == 1
    assert done.stderr.startswith(f"handpick: Java 17 or newer is needed for ENGINE=spark ({found} found).")
    assert done.stderr.count("\n") == 1


def test_nights_on_duckdb_need_no_java(bare: Path) -> None:
    program(bare, "python3", 'mkdir -p .venv/bin && ln -sf "$(command -v python3)" .venv/bin/python')
    done = install(bare)
    assert "Installing the environment" in done.stdout, done.stderr
    assert "Java" not in done.stderr
