r"""Java's regular expressions, which Spark reads, in the syntax of RE2, which DuckDB has built in.

Only patterns that mean the same to both, and to every version of Java, are translated. What `\b` and `(?i)`
hold for outside ASCII and what counts as the end of a line for `.` and `$` differ; RE2 cannot look ahead or
behind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

WHITE = r"\t\n\x0b\f\r "
"""What Java's `\\s` matches; RE2's lacks the vertical tab."""
TOKEN = re.compile(r"\\u[0-9a-fA-F]{4}|\\.|\[\^?|\]|\(\?:|\(\?|.", re.DOTALL)
REFUSED = ("(?", "$", ".", "\\b", "\\B", "\\Z")
"""Tokens outside classes of characters that do not mean the same."""


@cache
def translate_to_re2(pattern: str) -> str:
    """Return a Java pattern in RE2's syntax.

    Raises:
        ValueError: If it has something that does not mean the same in both.
    """
    parts = []
    for token, is_in_class in _split(pattern):
        if not is_in_class and token in REFUSED:
            raise ValueError(
                f"the pattern {pattern!r} has {token!r}, which DuckDB and Spark read differently; write it "
                "without, or read the text in Python"
            )
        if token == "\\s":
            parts.append(WHITE if is_in_class else f"[{WHITE}]")
        elif token.startswith("\\u"):
            parts.append(f"\\x{{{token[2:]}}}")
        else:
            parts.append(token)
    return "".join(parts)


def _split(pattern: str) -> Iterator[tuple[str, bool]]:
    """Yield the tokens of a pattern, each with whether it is inside a class of characters."""
    is_in_class = False
    for match in TOKEN.finditer(pattern):
        token = match.group()
        if is_in_class and token[0] == "[":
            raise ValueError(f"the pattern {pattern!r} nests classes, which only Java reads")
        yield token, is_in_class and token != "]"
        if token[0] == "[" or token == "]":
            is_in_class = token != "]"
