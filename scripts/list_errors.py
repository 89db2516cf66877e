"""Writes the messages of all errors that a person can cause into docs/errors.md, from the code.

Use: .venv/bin/python scripts/list_errors.py. The page says of each part of Handpick what its errors mean;
between `<!-- messages of: FOLDER ... -->` and `<!-- end -->` stand the messages that this part can give, with
`…` for what differs. `tests/documentation/test_errors.py` checks that none is missing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "errors.md"
BASE = "HandpickError"
SOURCES = ("handpick", "plugins")
PART = re.compile(
    r"(?P<head><!-- messages of: (?P<places>[^>]+) -->\n)(?P<body>.*?)(?P<end><!-- end -->)", re.S
)
MIN_WORDS = 3
"""Templates with fewer words of their own say nothing that could be searched for."""


def find_messages() -> dict[str, set[str]]:
    """Return the messages of each file that raises an error for people, by its path from the checkout."""
    trees = {
        file.relative_to(ROOT).as_posix(): ast.parse(file.read_text(encoding="utf-8"))
        for folder in SOURCES
        for file in sorted((ROOT / folder).rglob("*.py"))
    }
    kinds = _find_error_classes(list(trees.values()))
    found: dict[str, set[str]] = {}
    for path, tree in trees.items():
        functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _get_name(node.func) in kinds and node.args:
                found.setdefault(path, set()).update(_read_templates(node.args[0], functions))
    return {path: {text for text in texts if _has_words(text)} for path, texts in found.items()}


def _find_error_classes(trees: list[ast.Module]) -> set[str]:
    """Return the names of the classes that derive from `HandpickError`."""
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    kinds = {BASE}
    while new := {one.name for one in classes if kinds & {_get_name(base) for base in one.bases}} - kinds:
        kinds |= new
    return kinds


def _get_name(node: ast.expr) -> str:
    """Return the last part of a name such as `errors.InputError`."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _read_templates(node: ast.expr, functions: dict[str, ast.FunctionDef]) -> Iterator[str]:
    """Yield the messages that an expression can give; a function of the same file is looked into."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield _tidy(node.value)
    elif isinstance(node, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.Constant) else "…" for part in node.values]
        yield _tidy("".join(str(part) for part in parts))
    elif isinstance(node, ast.IfExp):
        yield from _read_templates(node.body, functions)
        yield from _read_templates(node.orelse, functions)
    elif isinstance(node, ast.Call) and (called := functions.get(_get_name(node.func))):
        for inner in ast.walk(called):
            if isinstance(inner, ast.Return) and inner.value is not None:
                yield from _read_templates(inner.value, {})


def _tidy(text: str) -> str:
    """Return a template on one line, with neighbouring gaps joined."""
    return re.sub(r"…(?:\W{0,2}…)+", "…", " ".join(text.split()))


def _has_words(text: str) -> bool:
    """Return whether a template has enough words of its own to be found by them."""
    return len(re.findall(r"[A-Za-z]{2,}", text)) >= MIN_WORDS


def fill_page(page: str, messages: dict[str, set[str]]) -> str:
    """Return the page with the lists of messages written anew.

    A file belongs to the part that names the longest path above it.

    Raises:
        ValueError: If no part of the page is about a file that raises errors.
    """
    places = [place for part in PART.finditer(page) for place in part["places"].split()]
    by_place: dict[str, set[str]] = {place: set() for place in places}
    for path, texts in messages.items():
        fitting = [place for place in places if path == place or path.startswith(f"{place}/")]
        if not fitting:
            raise ValueError(f"{path} raises errors, and no part of {PAGE.name} is about it")
        by_place[max(fitting, key=len)] |= texts

    def write(part: re.Match[str]) -> str:
        texts = sorted(
            {text for place in part["places"].split() for text in by_place[place]}, key=str.casefold
        )
        lines = "".join(f"- {_as_code(text)}\n" for text in texts)
        return f"{part['head']}\n{lines}\n{part['end']}"

    return PART.sub(write, page)


def _as_code(text: str) -> str:
    """Return a text as code of Markdown, which may itself hold backquotes."""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


if __name__ == "__main__":
    PAGE.write_text(fill_page(PAGE.read_text(encoding="utf-8"), find_messages()), encoding="utf-8")
    print(f"Wrote {PAGE}.")
