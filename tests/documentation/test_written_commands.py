"""Every command that a page shows is run by a test, or says why not; targets and files that it names exist."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.documentation.written_commands import ROOT, Block, find_blocks, find_unfenced_commands, matches

BLOCKS = find_blocks()
ADDED_BY_A_RECIPE = {"tests/stages/exposure"}
every_block = pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.page}:{block.line}")


def test_commands_stand_in_blocks_that_are_tested() -> None:
    assert len(BLOCKS) > 30
    assert find_unfenced_commands() == []


@every_block
def test_what_is_not_run_here_has_a_reason_and_what_is_run_elsewhere_a_test(block: Block) -> None:
    if block.elsewhere:
        named = ROOT / block.elsewhere
        assert named.is_file(), block.elsewhere
    if block.reason:
        assert len(block.reason.split()) >= 3, block.reason


def test_targets_of_make_exist_with_the_variables_that_are_given() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    lines = [line for block in BLOCKS for line in block.commands if re.search(r"(^|\s)make(\s|$)", line)]
    assert lines
    for line in lines:
        words = line[re.search(r"\bmake\b", line).start() :].split()[1:]  # type: ignore[union-attr]
        for variable in (word.partition("=")[0] for word in words if "=" in word):
            assert re.search(rf"\$\({variable}\)|\b{variable}\b", makefile), line
        done = subprocess.run(["make", "-n", *words], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (line, done.stderr)


def test_files_of_the_checkout_that_commands_name_exist() -> None:
    named = {
        word.partition("::")[0]
        for block in BLOCKS
        for line in block.commands
        for word in re.findall(r"(?<![\w./-])(?:tests|scripts|deploy|benchmarks)/[\w./-]+", line)
    }
    assert named
    assert sorted(name for name in named - ADDED_BY_A_RECIPE if not (ROOT / name).exists()) == []


def test_an_output_is_compared_but_for_what_differs_from_shop_to_shop() -> None:
    assert matches("a  b\n…\nc", "x a b\n 12 seconds\nc y")
    assert not matches("a b\n…\nd", "a b c")
