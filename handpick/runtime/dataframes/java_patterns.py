r"""Java's regular expressions in the embedded engine: by RE2 where it means the same, else by Python.

The declarations use Java's syntax, as Spark does. Three things differ between engines, and between versions
of Java: what `\b` and `(?i)` hold for outside ASCII, which white space `\s` has, and what counts as the end
of a line for `.` and `$`. Here `\b`, `\w`, `\d`, `\s` and `(?i)` are about ASCII alone, on both engines.
RE2, which DuckDB has built in, is used for patterns without any of these; the others, and those that look
ahead or behind, which RE2 cannot, go through Python, where each distinct text is matched once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from threading import Lock
from typing import Any

import pyarrow as pa

WHITE = r"\t\n\x0b\f\r "
LINE_END = "\\n\\r\u0085\u2028\u2029"
"""Characters that Java's `.` does not match, and before the last of which `$` does."""
TOKEN = re.compile(r"\\u[0-9a-fA-F]{4}|\\.|\[\^?|\]|\(\?[:=!i]\)?|\(\?<[=!]|\$|\.|.", re.DOTALL)
ONLY_PYTHON = {"(?=", "(?!", "(?i)", "(?<=", "(?<!", "$", ".", "\\b"}
ASCII_BOUNDARY = r"(?:(?<=[0-9A-Za-z_])(?![0-9A-Za-z_])|(?<![0-9A-Za-z_])(?=[0-9A-Za-z_]))"
MAX_KEPT_TEXTS = 200_000
"""Distinct texts whose results a pattern keeps."""


def write_search(text: str, pattern: str) -> str:
    """Return the SQL of whether a pattern matches anywhere in a text."""
    re2 = translate_to_re2(pattern)
    if re2 is not None:
        return f"regexp_matches({text}, {_quote(re2)})"
    return f"python_search({text}, {_register('search', pattern)})"


def write_extract(text: str, pattern: str, group: int) -> str:
    """Return the SQL of a group of a pattern's first match; empty where there is none."""
    re2 = translate_to_re2(pattern)
    if re2 is not None:
        return f"regexp_extract({text}, {_quote(re2)}, {group})"
    return f"python_edit({text}, {_register('extract', pattern, group)})"


def write_replace(text: str, pattern: str, replacement: str) -> str:
    """Return the SQL of a text with all matches of a pattern replaced by a plain text.

    Raises:
        ValueError: If the replacement refers to groups.
    """
    if "$" in replacement or "\\" in replacement:
        raise ValueError(f"the replacement {replacement!r} refers to groups, which is not supported")
    re2 = translate_to_re2(pattern)
    if re2 is not None:
        return f"regexp_replace({text}, {_quote(re2)}, {_quote(replacement)}, 'g')"
    return f"python_edit({text}, {_register('replace', pattern, replacement)})"


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def bound_to_ascii(pattern: str) -> str:
    r"""Return a Java pattern whose `\b` is about ASCII alone, which it is by itself only since Java 19."""
    return "".join(ASCII_BOUNDARY if token == "\\b" else token for token, _ in _split(pattern))


@cache
def translate_to_re2(pattern: str) -> str | None:
    """Return a Java pattern in RE2's syntax; None where RE2 would not mean the same."""
    parts = []
    for token, in_class in _split(pattern):
        if not in_class and token in ONLY_PYTHON:
            return None
        if token == "\\s":
            parts.append(WHITE if in_class else f"[{WHITE}]")
        elif token.startswith("\\u"):
            parts.append(f"\\x{{{token[2:]}}}")
        else:
            parts.append(token)
    return "".join(parts)


@cache
def translate_to_python(pattern: str) -> str:
    """Return a Java pattern in the syntax of Python's `re`, for `re.ASCII`."""
    parts, ignores_case = [], False
    for token, in_class in _split(pattern):
        if token == "(?i)":
            ignores_case = True
        elif token == "$" and not in_class:
            parts.append(f"(?=(?:\\r\\n|[{LINE_END}])?\\Z)")
        elif token == "." and not in_class:
            parts.append(f"[^{LINE_END}]")
        elif token == "\\z":
            parts.append("\\Z")
        else:
            parts.append(token)
    return ("(?i)" if ignores_case else "") + "".join(parts)


def _split(pattern: str) -> Iterator[tuple[str, bool]]:
    """Yield the tokens of a pattern, each with whether it is inside a class of characters."""
    in_class = False
    for match in TOKEN.finditer(pattern):
        token = match.group()
        if in_class and len(token) > 1 and token[0] == "[":
            raise ValueError(f"the pattern {pattern!r} nests classes, which only Java reads")
        if in_class and token.startswith("(?"):  # plain characters inside a class
            yield from ((one, True) for one in token)
            continue
        if not in_class and token[0] == "[":
            in_class = True
            yield token, False
            continue
        if in_class and token == "]":
            in_class = False
        yield token, in_class


@dataclass
class _Expression:
    """A registered expression: what it makes of a text, and the texts that it has seen."""

    apply: Callable[[str], Any]
    kept: dict[str, Any] = field(default_factory=dict)

    def evaluate(self, text: str | None) -> Any:
        """Return the result for one text; null for null."""
        if text is None:
            return None
        try:
            return self.kept[text]
        except KeyError:
            pass
        if len(self.kept) >= MAX_KEPT_TEXTS:
            self.kept.clear()
        found = self.kept[text] = self.apply(text)
        return found


_expressions: list[_Expression] = []
_numbers: dict[tuple[Any, ...], int] = {}
_registering = Lock()


def _register(kind: str, pattern: str, argument: Any = None) -> int:
    """Return the number under which the functions in SQL find an expression."""
    with _registering:
        key = (kind, pattern, argument)
        if key not in _numbers:
            _expressions.append(_Expression(_build(kind, pattern, argument)))
            _numbers[key] = len(_expressions) - 1
        return _numbers[key]


def _build(kind: str, pattern: str, argument: Any) -> Callable[[str], Any]:
    compiled = re.compile(translate_to_python(pattern), re.ASCII)
    if kind == "search":
        return lambda text: compiled.search(text) is not None
    if kind == "replace":
        return lambda text: compiled.sub(lambda _: argument, text)

    def extract(text: str) -> str:
        match = compiled.search(text)
        return (match and match.group(argument)) or ""

    return extract


def _evaluate(texts: Any, numbers: Any, kind: pa.DataType) -> pa.Array:
    if not len(texts):
        return pa.array([], kind)
    evaluate = _expressions[numbers[0].as_py()].evaluate
    return pa.array([evaluate(text) for text in texts.to_pylist()], kind)


def search_texts(texts: Any, numbers: Any) -> pa.Array:
    """Return whether the expression of a number matches each text; the number is the same in all rows."""
    return _evaluate(texts, numbers, pa.bool_())


def edit_texts(texts: Any, numbers: Any) -> pa.Array:
    """Return what the expression of a number makes of each text; the number is the same in all rows."""
    return _evaluate(texts, numbers, pa.string())
