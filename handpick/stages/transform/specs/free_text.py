"""Specs that running text states: titles, descriptions, and sheets written as one text."""

from __future__ import annotations

import re
from functools import lru_cache

from handpick.stages.transform.specs import figures
from handpick.stages.transform.specs.keys import read_key
from handpick.stages.transform.specs.numbers import PLAIN_NUMBER, START, keep_within, parse_number

LINE_BREAKS = re.compile(
    r"\s*[\n;|•·✓▪►]\s*|\s{3,}|<br ?/?>|</?(?:li|p|tr|td|ul|div)>| - (?=[A-ZÉ])|"
    r"(?<=\D), (?=[A-Z][\w ]{2,25}[:=])"
)
KEYED_LINE = re.compile(r"^\W*([^\d:：=][^:：=]{1,40}?) ?[:：=] ?(.+)$")

_FRONT = (
    r"(?i:front|selfie|frontal|delantera|avant|anteriore|przedni|przednia|on kamera|"
    r"фронтальн\w*|передн\w*|前|फ्रंट|सेल्फी)"
)
_FRONT_AFTER = re.compile(rf"^[ -]*(?:MP|Mp|megapixels?)?[ \w,.+-]{{0,12}}?{_FRONT}")
_FRONT_BEFORE = re.compile(rf"{_FRONT}[\w ]{{0,16}}[:：(]? ?(?:de |of |mit )?$")
_WEIGHT_WORD = (
    r"(?i:weigh\w*|gewicht|wiegt|wiegen|peso|pesa|poids|p[eè]se|waga|waży|"
    r"ağırlı\w*|\bвес\w*|масс\w*|重量|重|वजन)"
)
_CHARGE_WORD = (
    r"(?i:charg\w+|carga|lad(?:en|e\w*|ung\w*)|schnelllad\w+|ricarica|"
    r"ładowani\w+|şarj|зарядк\w*|快充|充电|चार्ज\w*|turbo|supervooc|vooc|dart)"
)


def find_keyed_lines(text: str) -> dict[str, str]:
    """Return the values of a text's `Key: value` lines by key, as far as the key is about a spec."""
    found: dict[str, str] = {}
    for line in LINE_BREAKS.split(text):
        if (keyed := KEYED_LINE.match(line)) and read_key(keyed[1]).topics:
            found.setdefault(keyed[1].strip(), keyed[2].strip())
    return found


@lru_cache(maxsize=16_384)
def find_camera_mp(text: str, is_front: bool) -> float | None:
    """Return the first sensor's megapixels of the rear or the front cameras."""
    # Every sensor of a sum has the side that is named after its last.
    pattern = re.compile(
        rf"{START}{PLAIN_NUMBER}((?: ?(?:MP|Mp)?(?: \([^)]*\))? ?[+&] ?(?:\w+ Lens|[\d.]+))*)"
        rf" *-?(?:{figures.MEGAPIXEL_WORD}|万像素|MP(?=[A-Z]))"
    )
    found = list(pattern.finditer(text))
    for place, match in enumerate(found):
        until = found[place + 1].start() if place + 1 < len(found) else len(text)
        after = text[match.end() : min(until, match.end() + 32)]
        # A bar, comma or further sensor ends what belongs to this one.
        after = re.split(r"[|;,/\n]| - ", after)[0]
        front = bool(
            _FRONT_AFTER.match(after)
            or _FRONT_BEFORE.search(text[max(0, match.start() - 32) : match.start()])
        )
        if front == is_front:
            value = parse_number(match[1])
            if value is not None and match[0].endswith("万像素"):
                value /= 100
            return keep_within(value, 0.01, 400)
    return None


@lru_cache(maxsize=16_384)
def find_weight_g(text: str) -> float | None:
    """Return the weight where the text speaks of weight; other grams are no phone's."""
    found = re.search(rf"{_WEIGHT_WORD}[^\d|;]{{0,24}}({PLAIN_NUMBER} ?[^\W\d]{{1,7}})", text)
    if found is None:
        found = re.search(rf"({PLAIN_NUMBER} ?(?:g|gr|grams|Gramm|克))\b[^\d|;]{{0,12}}{_WEIGHT_WORD}", text)
    return None if found is None else figures.parse_weight_g(found[1])


@lru_cache(maxsize=16_384)
def find_charging_w(text: str) -> float | None:
    """Return the charging power where the text speaks of charging near the watts."""
    for pattern in (
        rf"({START}{PLAIN_NUMBER} ?-?(?:W|Вт|瓦))(?![A-Za-z])[^\d|;.]{{0,24}}{_CHARGE_WORD}",
        rf"{_CHARGE_WORD}[^\d|;.]{{0,24}}({START}{PLAIN_NUMBER} ?(?:W|Вт|瓦))(?![A-Za-z])",
    ):
        if (found := re.search(pattern, text)) is not None:
            return figures.parse_charging_w(found[1])
    return None


@lru_cache(maxsize=16_384)
def find_battery_mah(text: str) -> float | None:
    """Return the battery's capacity; that of a case or power bank does not count."""
    cleaned = re.sub(r"(?i)power ?bank[^|;.]*", " ", text)
    return keep_within(figures.parse_battery_mah(cleaned), 300, 30_000, 0)


@lru_cache(maxsize=16_384)
def find_display_inches(text: str) -> float | None:
    """Return the display's diagonal."""
    for found in re.finditer(rf"{START}{PLAIN_NUMBER}{figures.INCH_UNIT}", text):
        inches = keep_within(parse_number(found[1]), 1, 20)
        if inches is not None:
            return inches
    near = re.search(
        rf"(?i:display|screen|bildschirm|pantalla|[eé]cran|schermo|tela|экран|屏)[^\d|;]{{0,20}}"
        rf"({START}{PLAIN_NUMBER} ?cm)\b",
        text,
    )
    return None if near is None else figures.parse_display_inches(near[1])
