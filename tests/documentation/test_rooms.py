"""The package's top level stays small enough to be read at a glance, and the README names each part of it."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
MAX_ENTRIES = 16
PYTHON_FILES = {"__init__.py", "__pycache__", "py.typed"}
"""What every package has, whatever is in it."""


def list_entries() -> set[str]:
    return {path.name for path in (ROOT / "handpick").iterdir()} - PYTHON_FILES


def test_the_package_has_few_entries() -> None:
    assert len(list_entries()) <= MAX_ENTRIES, sorted(list_entries())


def test_the_readme_says_where_each_folder_is_in_the_ladder() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    ladder = readme[readme.index("Imports go down this ladder") :]
    missing = {name for name in list_entries() if name.removesuffix(".py") not in ladder}
    assert missing == set()
