"""Finds the commands that the README and the documentation show, and how each of them is tested.

A block of commands is fenced as `sh`. Tests run it (`tests/end_to_end/test_written_commands.py`), unless the
line before it is a comment with a reason: `<!-- run by FILE: why -->` names the test that runs it instead,
`<!-- not run: why -->` is for what a test cannot do. `<!-- output -->` before the next block says that it is
what the commands print, where `…` stands for anything.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<body>.*?)^(?P=indent)```$", re.M | re.S)
MARK = re.compile(r"<!-- (?:(?P<kind>run by (?P<file>\S+)|not run): (?P<reason>[^>]+)|output) -->\s*$")
COMMANDS = (
    "handpick", ".venv/bin/", "make", "dbt", "docker", "cd", "psql", "scripts/", "feast", "airflow", "eval", "deploy/",
    "export", "source", "pip", "git",
)  # fmt: skip


@dataclass(frozen=True)
class Block:
    """A block of commands.

    Args:
        page: The page, relative to the checkout.
        line: The line on which the block begins.
        text: The commands.
        elsewhere: The test that runs them instead, relative to the checkout.
        reason: Why they are not run here; empty if they are.
        output: What the page says that they print, if it does.
    """

    page: str
    line: int
    text: str
    elsewhere: str = ""
    reason: str = ""
    output: str = ""

    @property
    def commands(self) -> list[str]:
        """The commands without comments; one that is continued on the next line is one."""
        joined = self.text.replace("\\\n", " ")
        lines = [re.sub(r"(^|\s)# .*$", "", line).strip() for line in joined.splitlines()]
        return [line for line in lines if line]


def find_blocks() -> list[Block]:
    """Return all blocks of commands, page by page."""
    blocks = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        fences = list(FENCE.finditer(text))
        for number, found in enumerate(fences):
            if found["language"] != "sh":
                continue
            mark = MARK.search(text[: found.start()])
            after = fences[number + 1] if number + 1 < len(fences) else None
            shown = ""
            if after and re.search(r"<!-- output -->\s*$", text[found.end() : after.start()]):
                shown = textwrap.dedent(after["body"])
            blocks.append(
                Block(
                    page.relative_to(ROOT).as_posix(),
                    text.count("\n", 0, found.start()) + 1,
                    textwrap.dedent(found["body"]),
                    elsewhere=(mark and mark["file"]) or "",
                    reason=(mark and mark["reason"]) or "",
                    output=shown,
                )
            )
    return blocks


def find_unfenced_commands() -> list[str]:
    """Return commands that stand in a block which is not fenced as `sh`, and so would not be tested."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        other = [
            fence["body"]
            for fence in FENCE.finditer(text)
            if fence["language"] in ("bash", "shell", "console")
        ]
        outside = FENCE.sub("", text)
        indented = re.findall(r"(?<=\n\n)((?: {4}.*\n)+)", outside)
        for block in [*other, *indented]:
            first = block.strip().split(maxsplit=1)[0] if block.strip() else ""
            if first.startswith(".venv/bin/") or first.startswith("scripts/") or first in COMMANDS:
                found.append(f"{page.name}: {block.strip().splitlines()[0]}")
    return found


def matches(shown: str, printed: str) -> bool:
    """Return whether an output is as a page shows it; spaces count as one, and `…` stands for anything."""
    pattern = ".*?".join(re.escape(" ".join(part.split())) for part in shown.split("…"))
    return re.search(pattern.replace(r"\ ", r"\s*"), " ".join(printed.split()), re.S) is not None
