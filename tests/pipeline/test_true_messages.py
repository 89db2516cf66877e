"""What errors say about the published lists is true when they are said."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from handpick.ledger.flows import StageResult
from handpick.ledger.reconcile import describe_published_lists
from handpick.pipeline.registry import list_nightly_stages

ROOT = Path(__file__).parents[2]
CLAIM = re.compile(
    r"stays? current|last stay|published lists are\s+unchanged|pointer was not moved|othing was published",
    re.IGNORECASE,
)
ASKS_THE_SERVER = {
    "stages/publish/publish.py",  # `describe_pointer`
    "stages/publish/checks.py",  # of parts that are loaded before the pointer moves
    "stages/publish/row_preparation.py",  # of rows before they are loaded
    "serving/schema.py",  # of a schema that publish makes sure of first
    "serving/versions.py",  # of a rollback to a version that is not there
    "ledger/reconcile.py",  # `describe_published_lists`, from what publish has reported
    "pipeline/next_night.py",  # nothing has run
    "cli/backfill.py",  # in the help
}
"""Modules that make such a claim although they belong to no stage before publish, and why it is true."""


def list_messages(tree: ast.AST) -> Iterator[str]:
    """Yield the texts of a module that are not docstrings, with values left out."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def test_only_what_runs_before_the_pointer_moves_says_that_lists_stay() -> None:
    stages = [stage.name for stage in list_nightly_stages()]
    before = {"pretrain", *stages[: stages.index("publish")]}
    claiming = {
        file.relative_to(ROOT / "handpick").as_posix()
        for file in sorted((ROOT / "handpick").rglob("*.py"))
        if any(CLAIM.search(message) for message in list_messages(ast.parse(file.read_text())))
    }
    # Datasets are loaded, and models and encoders read, only by stages before publish.
    allowed = {file for file in claiming if file.split("/")[0] == "dataset"}
    allowed |= {file for file in claiming if file.startswith(tuple(f"stages/{name}/" for name in before))}
    assert claiming - allowed == ASKS_THE_SERVER & claiming


def test_the_effect_on_the_lists_is_that_of_the_stage() -> None:
    from datetime import date

    def publish(**notes: object) -> list[StageResult]:
        return [StageResult("publish", date(2026, 3, 1), "", (), "", notes=notes)]

    assert describe_published_lists([], "train") == "train changed no published list"
    assert describe_published_lists(publish(version=3, is_current=True), "report") == (
        "report changed no published list"
    )
    assert "version 3 is current" in describe_published_lists(publish(version=3, is_current=True), "publish")
    assert "a later night's lists stay current" in describe_published_lists(
        publish(version=3, is_current=False), "publish"
    )
    assert "`handpick versions`" in describe_published_lists([], "publish")
