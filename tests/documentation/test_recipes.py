"""The recipes of docs/howto name files and imports that exist, apart from those that they tell the reader to add."""

from __future__ import annotations

import ast
import re
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs" / "howto").glob("*.md"))]
PATH = re.compile(
    r"(?:\.ci|benchmarks|dags|dbt|docs|features|handpick|models|plugins|scripts|tests)/[\w./-]+\w"
)
CODE = re.compile(r"^ *```python\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
LAKE_TABLES = {"features/users", "features/items", "features/training"}
ADDED = {
    "handpick/contracts/stores.py", "handpick/stages/exposure/__init__.py", "handpick/stages/score/rules/battery.py",
    "handpick/stages/transform/stores.py", "models/encoders/mean_colour.py", "models/evaluation/f1.py",
    "models/fusion/mean.py", "tests/stages/exposure", "tests/stages/exposure/test_exposure.py", "tests/stages/report",
    "tests/stages/report/test_example_users.py",
}  # fmt: skip
"""Files and folders that a recipe adds."""
ADDED_NAMES = {"MEAN_COLOUR", "item_launch"}
"""Names that a recipe adds to a file that exists."""

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@every_page
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    named = set(PATH.findall(page.read_text(encoding="utf-8"))) - LAKE_TABLES - ADDED
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


@every_page
def test_every_import_of_a_snippet_is_of_a_name_that_exists(page: Path) -> None:
    missing = []
    for snippet in CODE.findall(page.read_text(encoding="utf-8")):
        for module, names in re.findall(
            r"^from ((?:handpick|models|features)[\w.]*) import (.+)$", textwrap.dedent(snippet), re.M
        ):
            path = module.replace(".", "/")
            if f"{path}.py" in ADDED:
                continue
            file = ROOT / path / "__init__.py" if (ROOT / path).is_dir() else ROOT / f"{path}.py"
            wanted = {name.strip() for name in names.split(",")} - ADDED_NAMES
            missing += [f"{module}.{name}" for name in sorted(wanted - _find_defined_names(file))]
    assert missing == []


def _find_defined_names(file: Path) -> set[str]:
    """Return the names at the top level of a module, without importing it; none if there is no such file."""
    names: set[str] = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body if file.exists() else ():
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names.update(alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names.update(
                inner.id for target in targets for inner in ast.walk(target) if isinstance(inner, ast.Name)
            )
    return names
