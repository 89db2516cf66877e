"""The amounts that texts of spec sheets state: inches, mAh, grams, megapixels, GB, mm, Hz, watts.

Each parser takes the joined texts of one topic (see `synonyms.TOPIC_PHRASES`), separated by bars, and
returns the first amount that is possible for a phone, or None.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from handpick.stages.transform.specs.numbers import (
    NUMBER,
    PLAIN_NUMBER,
    START,
    compile_quantity,
    find_quantity,
    keep_within,
    parse_number,
)

INCH_UNIT = (
    r" *-? ?(?:(?i:inch(?:es)?|zoll|pulgadas?|pulg\b|pouces?|pollici|polegadas?|tum\b|duim|in[cç]\b|"
    r"cal[ei]\b|дюйм\w*|इंच)|in\b(?! *\d+ *min)|po\b|cal\b|\"|''|[″”“]|′′|’’|英寸|吋|寸|インチ)"
)
PRIME_UNIT = r" ?['′’](?!\w)"
"""A single mark, which some shops write for inches."""
CENTIMETRE_UNIT = r" *(?i:cm|centim\w+|см|厘米|सेमी)(?! *[2²])"
MAH_UNIT = (
    r" *-?(?:m[aA][hH]|[mM] ?[aAА] ?[·.-]?[hHч]?(?![A-Za-z])|МАЧ|[мМ][аАaA] ?[·*.]?[чЧ]|"
    r"(?i:milliamp\w*(?: ?-?hours?)?)|毫安时?|एमएएच)"
)
GRAM_UNIT = (
    r" *(?:g|gr|gms?|GR|GMS?|[Gg]ram(?:s|m|mes|mi|as|os|y|ów|a)?|GRAMS?|г|гр|[Гг]рамм\w*|克|ग्राम|"
    r"グラム|그램)\.?"
    r"(?![A-Za-zа-я])"
)
MEGAPIXEL_WORD = (
    r"(?:MP(?:i?x)?(?:ls?)?|[Mm]p(?:i?x)?(?:ls?)?|M[Pp]x|(?i:m[eé]ga ?-?p[ií]?x(?:els?|ele|eles)?)|"
    r"МП(?:икс|кс)?|М[Пп](?:икс|кс)?|мп(?:икс)?|[Мм]егапиксел\w*|百万像素|मेगापिक्सल)(?![A-Za-z])"
)
# The unit allows for `12+5 MP` and `48 + 8 MP`: the first number of a sum is taken.
MEGAPIXEL_UNIT = rf"(?: ?[+/] ?\d+(?:[.,]\d+)?)* *-?{MEGAPIXEL_WORD}"
HERTZ_UNIT = r" *-?(?:[Hh][Zz]|HZ|[Гг]ц|赫兹?|हर्ट्ज|[Hh]ertz)(?![A-Za-z])"
WATT_UNIT = r" *-?(?:W|[Ww]atts?|w|Вт|вт|瓦|वाट)(?![A-Za-zа-я])"

NAMED_MEGAPIXELS = (("QCIF", 0.03), ("QVGA", 0.08), ("CIF", 0.1), ("SVGA", 0.5), ("VGA", 0.3))
"""Sensors that sheets name by their video format, in megapixels; longer names first."""

MAX_RAM_GB = 64.0
MAX_AMBIGUOUS_RAM_GB = 24.0
"""An amount under `memory` alone counts as RAM up to here."""


@lru_cache(maxsize=16_384)
def parse_display_inches(text: str) -> float | None:
    """Read the display's diagonal in inches, from inches, cm or mm; areas (`cm²`) are skipped."""
    for unit in (INCH_UNIT, PRIME_UNIT):
        for found in compile_quantity(unit, PLAIN_NUMBER).finditer(text):
            inches = keep_within(parse_number(found[1]), 0.5, 25)
            # The third of three dimensions in inches is no diagonal.
            if inches is not None and not re.search(r"[x×*] ?$", text[: found.start()]):
                return inches
    centimetres = find_quantity(text, CENTIMETRE_UNIT)
    if centimetres is not None:
        return keep_within(centimetres / 2.54, 0.5, 25)
    millimetres = re.search(rf"(?:^|\| ){NUMBER} *(?:mm|мм|毫米)(?! ?[x×2²*])", text)
    value = None if millimetres is None else parse_number(millimetres[1])
    return None if value is None else keep_within(value / 25.4, 0.5, 25)


@lru_cache(maxsize=16_384)
def parse_battery_mah(text: str) -> float | None:
    """Read the battery's capacity in mAh, from mAh or Ah; `5.000 mAh` is read as five thousand."""
    for found in compile_quantity(MAH_UNIT).finditer(text):
        value = parse_number(found[1])
        if value is not None and value < 30 and re.fullmatch(r"\d\d?\.\d{3}", found[1]):
            value *= 1000
        if (capacity := keep_within(value, 30, 30_000, 0)) is not None:
            return capacity
    amperes = find_quantity(text, r" *(?:A[Hh]|А[чЧ]|安时)(?![A-Za-z])")
    return None if amperes is None else keep_within(amperes * 1000, 30, 30_000, 0)


@lru_cache(maxsize=16_384)
def parse_weight_g(text: str) -> float | None:
    """Read the weight in grams, from g or kg, else pounds and ounces, else a bare number before a bracket."""
    grams = find_quantity(text, GRAM_UNIT)
    if (
        grams is None
        and (kilograms := find_quantity(text, r" *(?:[Kk][Gg]|кг|千克|公斤)(?![a-z])")) is not None
    ):
        grams = kilograms * 1000
    if grams is None and (bare := re.match(rf"{NUMBER} ?\(", text)):
        grams = parse_number(bare[1])
    if grams is None:
        pounds = find_quantity(text, r" *(?i:lbs?|pounds?)\b")
        ounces = find_quantity(text, r" *(?i:oz|ounces?|onzas|unzen)\b")
        if pounds is not None or ounces is not None:
            grams = (pounds or 0.0) * 453.59237 + (ounces or 0.0) * 28.349523125
    return keep_within(grams, 10, 3000, 1)


@lru_cache(maxsize=16_384)
def parse_megapixels(text: str) -> float | None:
    """Read the first sensor's resolution in megapixels; `VGA` and similar names count by their size."""
    found = find_quantity(text, MEGAPIXEL_UNIT, PLAIN_NUMBER)
    # 万 is ten thousand and 亿 a hundred million: 50 megapixels are 5000万, 200 are 2亿.
    if found is None and (wan := find_quantity(text, r" *万(?:像素)?")) is not None:
        found = wan / 100
    if found is None and (yi := find_quantity(text, r" *[亿億](?:像素)?")) is not None:
        found = yi * 100
    if found is None:
        found = next((value for name, value in NAMED_MEGAPIXELS if re.search(rf"\b{name}\b", text)), None)
    return keep_within(found, 0.01, 400)


def convert_to_gb(value: float | None, unit: str) -> float | None:
    """Convert an amount of memory to GB by the first letter of its unit.

    Of megabytes, multiples of 1000 are as many GB as their thousands: shops write 12000 MB for 12 GB.
    """
    if value is None:
        return None
    first = unit[:1].upper()
    if first == "T":
        return value * 1024
    if first == "M":
        return value / 1000 if value >= 1000 and value % 1000 == 0 else value / 1024
    return value / 1024**2 if first == "K" else value


_NO_YEAR = r"(?!(?:19|20)\d\d ?/)"
_AMOUNT = rf"{START}{_NO_YEAR}(\d+(?:[.,]\d+)?)(?: ?/ ?\d+)*[ -]*([TGMK](?i:i?b)?)(?![A-Za-zа-я])"
_RAM_WORD = r"(?i:RAM|LPDDR\w*|ОЗУ|оператив\w+|运行内存|运存|内存|रैम|vive|Arbeitsspeicher)"
_RAM_AFTER = re.compile(rf"{_AMOUNT}[ -]*(?:de )?(?:LPDDR\w*\s*)?{_RAM_WORD}")
_RAM_BEFORE = re.compile(rf"{_RAM_WORD} ?(?:[:：=]|de|von)? ?{_AMOUNT}")
_PAIR = re.compile(
    # A number without a unit is RAM only before a plus or a slash: `Aria 13 - 8GB` has one amount.
    r"(?<![A-Za-z\d.,])(\d+(?:[.,]\d+)?(?= ?(?i:[GM]i?B))|\d{1,2}(?=(?: ?(?i:[GM]))? ?[+/])) ?"
    r"((?i:[GM](?:i?B)?))?(?: ?RAM)? ?"
    r"([+/\-&,| ]) ?(\d+) ?"
    r"([TG](?i:i?b))(?![A-Za-zа-я])"
)
"""RAM and storage as one: `8GB+256GB`, `8/256GB`, `6GB RAM, 128GB`."""
_NAMED_NUMBER = re.compile(r"(?i)\biphone \d{1,2}(?=[/+]\d)")
"""The end of a name that a storage follows: `iPhone 8/128GB`; iPhones are not sold by RAM."""
_STORAGE = re.compile(rf"{START}{_NO_YEAR}(\d+(?:[.,]\d+)?)(?: ?/ ?\d+)*[ -]*([TGMK](?i:i?b))(?![A-Za-zа-я])")
_NOT_STORAGE_BEFORE = re.compile(
    r"(?i:up ?to|upto|jusqu'?[aà]|hasta|bis zu|до|max(?:imal|imum)?[.:]|"
    r"expandable\D{0,25}|"
    r"microsd\w*\D{0,12}|最大|扩展\D{0,8}) ?[:：=(]? ?$"
)
_NOT_STORAGE_AFTER = re.compile(
    rf" ?\+ ?\d{{1,2}} ?GB|"
    rf"[ -]*(?:de )?(?:{_RAM_WORD}|(?i:[(]?micro ?SD|SD\b|memory card|card\b|/s\b|cloud|data\b|per month))"
)


@lru_cache(maxsize=16_384)
def parse_ram_gb(text: str) -> float | None:
    """Read the RAM of the first variant in GB, where it is marked as RAM or paired with the storage."""
    text = _NAMED_NUMBER.sub("iPhone ", text)
    for pattern in (_RAM_AFTER, _RAM_BEFORE):
        if found := pattern.search(text):
            value = convert_to_gb(parse_number(found[1]), found[2])
            if (ram := keep_within(value, 0.0001, MAX_RAM_GB, 4)) is not None:
                return ram
    return next((keep_within(pair[0], 0.0001, MAX_RAM_GB, 4) for _, pair in _find_pairs(text)), None)


def _find_pairs(text: str) -> Iterator[tuple[re.Match[str], tuple[float, float]]]:
    """Yield RAM and storage that a text states as one; `3GB+3GB/64GB` holds one, as 3 GB are borrowed."""
    start = 0
    while (found := _PAIR.search(text, start)) is not None:
        pair = _read_pair(found)
        if pair is not None:
            yield found, pair
        start = found.end() if pair is not None else found.start() + 1


def _read_pair(found: re.Match[str]) -> tuple[float, float] | None:
    """Return the RAM and the storage of a pair; None where it rather is a choice of two storages."""
    first = convert_to_gb(parse_number(found[1]), found[2] or "G")
    second = convert_to_gb(parse_number(found[4]), found[5])
    if first is None or second is None:
        return None
    ram, storage = sorted((first, second))
    # `16GB/32GB` are two storages and `4GB/64GB` is a pair; nobody adds two storages with a plus.
    least = 2 if found[3] == "+" or "RAM" in found[0] else 8
    most = MAX_RAM_GB if storage >= 16 * ram else MAX_AMBIGUOUS_RAM_GB
    return (ram, storage) if ram <= most and storage >= least * ram else None


@lru_cache(maxsize=16_384)
def parse_first_amount_gb(text: str) -> float | None:
    """Read the first amount of memory in GB, whatever it is of; of `4/6 GB` the first."""
    found = re.search(_AMOUNT, text)
    return (
        None
        if found is None
        else keep_within(convert_to_gb(parse_number(found[1]), found[2]), 0.0001, 8192, 4)
    )


@lru_cache(maxsize=16_384)
def list_storage_gb(text: str) -> tuple[float, ...]:
    """Return the amounts of internal storage in GB that a text states, in order.

    Amounts that are marked as RAM, as the RAM of a pair, or as what a card may add do not count.
    """
    text = _NAMED_NUMBER.sub("iPhone ", text)
    found: list[float] = []
    of_ram = [match.span() for pattern in (_RAM_AFTER, _RAM_BEFORE) for match in pattern.finditer(text)]
    # In `6GB RAM 128GB` the mark belongs to the first amount.
    of_ram = [span for span in of_ram if not any(a < span[0] < b for a, b in of_ram)]
    pairs = {match.start(): (match.end(), pair[1]) for match, pair in _find_pairs(text)}
    end_of_pair = -1
    for amount in _STORAGE.finditer(text):
        if amount.start() < end_of_pair:
            continue
        if amount.start() in pairs:
            end_of_pair, storage = pairs[amount.start()]
            found.append(storage)
            continue
        if any(start <= amount.start() < end for start, end in of_ram):
            continue
        if _NOT_STORAGE_BEFORE.search(text[: amount.start()]) or _NOT_STORAGE_AFTER.match(
            text[amount.end() :]
        ):
            continue
        value = keep_within(convert_to_gb(parse_number(amount[1]), amount[2]), 0.0001, 8192, 4)
        if value is not None:
            found.append(value)
    return tuple(found)


@lru_cache(maxsize=16_384)
def parse_thickness_mm(text: str) -> float | None:
    """Read the thickness in mm: the smallest of three dimensions (unfolded), else a single one."""
    number = PLAIN_NUMBER
    triple = re.search(
        rf"{START}{number} ?(?:mm|cm|мм)? ?[x×*хX] ?{number}(?:-[\d.]+)? ?(?:mm|cm|мм)? ?[x×*хX] ?"
        rf"{number} *(mm|cm|in\b|\"|inches)?",
        text,
    )
    if triple is not None:
        sides = [side for group in (1, 2, 3) if (side := parse_number(triple[group])) is not None]
        if len(sides) == 3:
            # Shops write height, width and depth in any order: the depth is the smallest.
            smallest = min(sides)
            unit = triple[4] or "mm"
            scale = 10.0 if unit == "cm" else 25.4 if unit != "mm" or smallest < 2 else 1.0
            # Without a unit, these are centimetres.
            if triple[4] is None and smallest < 2 and max(sides) > 10:
                scale = 10.0
            return keep_within(smallest * scale, 2, 60)
    alone = re.search(rf"{START}{number} *(?:mm|мм|毫米) *(?:thick|\||$)", text)
    return None if alone is None else keep_within(parse_number(alone[1]), 2, 60)


@lru_cache(maxsize=16_384)
def parse_refresh_hz(text: str) -> float | None:
    """Read the display's refresh rate in Hz."""
    return keep_within(find_quantity(text, HERTZ_UNIT, PLAIN_NUMBER), 20, 500)


_UNWIRED = re.compile(
    r"(?i)(?:reverse|wireless|magsafe|qi\b|kabellos|inal[aá]mbric\w+|sans fil|"
    r"беспровод\w+|无线)[^0-9|]*\d+(?:\.\d+)?\s*W"
)


@lru_cache(maxsize=16_384)
def parse_charging_w(text: str) -> float | None:
    """Read the wired charging power in watts; wireless charging and names as `BP-4W` do not count."""
    found = find_quantity(_UNWIRED.sub("", text), WATT_UNIT, rf"(?<![A-Za-z]-)(?<![A-Za-z]){PLAIN_NUMBER}")
    return keep_within(found, 1, 400)


@lru_cache(maxsize=16_384)
def parse_pixels(text: str) -> tuple[int, int] | None:
    """Read the display's width and height in pixels; dimensions in mm are none."""
    found = re.search(
        r"(?<![\d.])(\d{2,5}) ?(?:px|p|pixels?)? ?[x×*х] ?(\d{2,5})(?![\d.])(?! ?(?:[x×*х]|mm|cm|in\b))", text
    )
    if found is None or min(int(found[1]), int(found[2])) < 48 or max(int(found[1]), int(found[2])) < 64:
        return None
    return int(found[1]), int(found[2])


def parse_pixels_per_inch(text: str, inches: float | None) -> float | None:
    """Read the stated pixel density, else compute it from the resolution and the diagonal."""
    stated = find_quantity(text, r" *(?i:ppi|dpi)")
    if stated is None and inches and (pixels := parse_pixels(text)) is not None:
        stated = (pixels[0] ** 2 + pixels[1] ** 2) ** 0.5 / inches
    return keep_within(stated, 20, 1500, 0)
