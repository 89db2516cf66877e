"""Models by title: which titles name variants of one model, its product line and its generation.

The rules are cautious: two titles that might be different models (`A14` and `A14 5G`, `SE (2020)` and
`SE (2022)`) never share a model, while a variant whose title says more than usual may stand alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from handpick.stages.transform.specs.numbers import normalize_text

ROMAN_NUMERALS = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X")

_BRACKETS = re.compile(r"[(\[（【]([^)\]）】]*)[)\]）】]")
_NAME_IN_BRACKETS = re.compile(r"(?:19|20)\d\d|\d[a-z]?|\d+(?:st|nd|rd|th) gen\w*|gen\w* \d+", re.IGNORECASE)
_CUT = re.compile(r"\s*[,|;/:：，、].*$|\s+[-–—]\s.*$|\s+(?:w/|with\s|mit\s|con\s|avec\s).*$", re.IGNORECASE)
_STOP = re.compile(
    r"\d+(?:[.,]\d+)?\s*(?:[GT]B|MB|Go|To|ГБ|ТБ)(?![a-z])"
    r"|\d{1,2}[.,]\d+\s*(?:-?\s*inch(?:es)?|\"|″|''|”|英寸|寸|дюйм\w*|zoll|pulgadas)"
    r"|\d+\s*(?:mah|mp|megapixels?|hz)\b"
    r"|\b(?:unlocked|renewed|refurbished|certified|pre-?owned|prepaid|factory|locked|contract|sim[- ]?free|"
    r"verizon|at&t|t-mobile|sprint|boost mobile|metropcs|cricket|tracfone|straight talk|gsm|cdma|wi-?fi|"
    r"brand new|like new|as new|open[- ]box|used|grade [a-d]|neuwertig|gebraucht|reacondicionado|"
    r"reconditionn[eé]|global(?: version| rom)?|dual[- ]sim|single[- ]sim|smartphone|cell ?phone|"
    r"mobile phone|keypad mobile|international|discontinued|version|edition for|snapdragon|mediatek|"
    r"android \d|quad-core|octa-core|4g lte|cellular|warranty|nfc|"
    r"handy|teléfono|telefono|smartfon|смартфон)\b",
    re.IGNORECASE,
)
"""What a shop adds after a model's name; the name ends before it."""
_MEMORY = re.compile(
    r"(?<![\w+])(?:[1-8]|1[268]|24)(\s*(?:GB|Go|ГБ)\s*[+/]\s*|[+/])\d+\s*(?:[GT]B|Go|To|ГБ|ТБ)(?![a-z])",
    re.IGNORECASE,
)
"""Memory and storage: `8GB + 256GB`, `4/64 GB`."""
_LEADING = re.compile(
    r"^(?:new|neu|nuevo|neuf|смартфон|smartphone|handy|мобильный телефон|телефон)\s+", re.IGNORECASE
)
_MODEL_CODE = re.compile(
    r"(?:SM|GT|SCH|SGH|SPH|TA|XT|CPH|RMX)-?[A-Z]?\d{3,4}\w*|[A-Z]\d{3,4}[A-Z]{0,4}\d?", re.ASCII
)
"""A maker's code of one sales region, such as `SM-G950U` or `N920T`."""

_COLOR = (
    "black|white|gr[ae]y|silver|gold|blue|green|red|pink|purple|yellow|orange|brown|graphite|midnight|starlight|"
    "violet|bronze|copper|mint|coral|lavender|cream|navy|beige|rosegold|spacegr[ae]y|spaceblack|schwarz|weiß|"
    "weiss|blau|grün|rot|grau|silber|gelb|negro|blanco|azul|verde|rojo|gris|noir|blanc|bleu|vert|rouge|nero|"
    "bianco|preto|branco|ч[её]рный|белый|синий|красный|зел[её]ный|серый|золотой|серебристый|"
    "natural titanium|desert titanium|peach|hazel|aqua|teal|turquoise|cyan|magenta|lilac|lila|"
    "ivory|maroon|indigo|charcoal|khaki|olive|obsidian|"
    "黑色?|白色?|蓝色?|绿色?|红色?|紫色?|金色?|银色?|灰色?|粉色?"
)
_SHADE = (
    "off|starry|midnight|space|rose|ocean|sky|deep|dark|light|jet|matte|pearl|ice|icy|arctic|aurora|phantom|prism|"
    "cosmic|mystic|forest|sierra|pacific|alpine|natural|desert|carbon|pebble|sea|ink|moonlight|steel|chrome|"
    "woodland|twilight|ethereal|pastel|orchid|maple|metallic|cloud|glacier|electric|neon|royal|wine|cherry|"
    "graphite|stone|awesome|bora|thunder|crystal|diamond|polar|frosted|burgundy|cobalt|titan|titanium|"
    "coral|mint|lime|baby|champagne"
)
_TRAILING_COLOR = re.compile(
    rf"(?:\s+(?:{_SHADE}))*\s+(?:{_COLOR})(?:\s+(?:titanium|titan))?$", re.IGNORECASE
)
_TRAILING_REGION = re.compile(
    r"\s+(?:EU|US|USA|UK|NA|CN|HK|JP|KR|LATAM|EMEA|Europe|India|China|Japan|Korea|Indian|European|Chinese)$"
)
"""The region that a variant was made for; as written, since `us` might be a word."""


@dataclass(frozen=True)
class ModelName:
    """What a title says of the model.

    Args:
        brand_key: The brand in lower case, letters and digits only.
        key: The same for all variants of a model, and of no other: brand and name, for comparing.
        line: The name without the generation's number, as in `iPhone Pro`.
        generation: Number or year of the generation; None where the name has none.
    """

    brand_key: str
    key: str
    line: str
    generation: int | None


@lru_cache(maxsize=65_536)
def read_model_name(title: str, brand: str, color: str = "") -> ModelName:
    """Read the model from a title.

    Args:
        title: The product's title.
        brand: Its brand; a title may start with it.
        color: The colour that the sheet states, if it is one; a title may end with it.
    """
    name = _strip_variant(normalize_text(title), normalize_text(brand), normalize_text(color))
    brand_key = re.sub(r"[^\w]|_", "", brand.lower())
    plus = re.sub(r"\+", " plus ", name.lower())
    # `Note9` is `Note 9`.
    words = re.findall(r"[^\W_]+", re.sub(r"(?<=[a-z]{3})(?=\d)", " ", plus))
    distinct = [word for place, word in enumerate(words) if place == 0 or word != words[place - 1]]
    line, generation = _split_generation(name)
    return ModelName(brand_key, "-".join([brand_key, *distinct]), line or name, generation)


def _strip_variant(title: str, brand: str, color: str) -> str:
    """Return a title without the brand and all that tells variants apart; never empty."""

    def keep_name(found: re.Match[str]) -> str:
        inner = found[1].strip()
        return f" ({inner}) " if _NAME_IN_BRACKETS.fullmatch(inner) else "  "

    bare = _LEADING.sub("", title)
    rest = _remove_brand(bare, brand)
    plain = _BRACKETS.sub(keep_name, rest)
    plain = re.sub(r"[(\[（【][^)\]）】]*$", "", plain)  # a bracket that was cut off
    # Stop words that come first, as in `Unlocked iPhone 7` or `Verizon Samsung Convoy`, are skipped.
    while (first := _STOP.match(plain.lstrip())) and plain.lstrip()[first.end() :].strip(" -,"):
        plain = _remove_brand(plain.lstrip()[first.end() :].lstrip(" -,"), brand)
    kept = ""
    if (memory := _MEMORY.search(plain)) and (before := plain[: memory.start()].strip()):
        # `iPhone 8+64GB` is an 8 Plus, and `Reno 8+64GB` may be; such a title stands alone.
        if not _is_memory(memory, before):
            kept = f" {memory[0]}"
        plain = before
    plain = _CUT.sub("", plain)
    if (stop := _STOP.search(plain)) and plain[: stop.start()].strip():
        plain = plain[: stop.start()]
    plain = " ".join(plain.split())
    before = ""
    while plain != before:
        before = plain
        plain = _TRAILING_REGION.sub("", plain)
        if color and "," not in color:
            plain = _remove_stated_color(plain, color)
        plain = _TRAILING_COLOR.sub("", plain) or plain
    return (_remove_codes(plain.strip(" -")) or rest or title) + kept


def _is_memory(found: re.Match[str], before: str) -> bool:
    """Return whether a pair of numbers is surely memory; after a name without a number it may be its end."""
    return any(char.isdigit() for char in before) or found[1] not in ("+", "/")


def _remove_brand(name: str, brand: str) -> str:
    """Remove the brand from the start of a name, if something is left."""
    while brand and name.lower().startswith(brand.lower()):
        rest = name[len(brand) :]
        # `OnePlus 7` of `One` is no brand and name; a name in Chinese follows without a blank.
        if not rest.strip() or (rest[0].isalnum() and brand.isascii()):
            break
        name = rest.strip()
    return name


def _remove_stated_color(name: str, color: str) -> str:
    """Remove the sheet's colour from the end of a name, however it is spaced."""
    letters = re.sub(r"[\W_]", "", color.lower())
    words = name.split()
    for count in (1, 2, 3):
        if len(words) > count and re.sub(r"[\W_]", "", "".join(words[-count:]).lower()) == letters:
            return " ".join(words[:-count])
    return name


def _remove_codes(name: str) -> str:
    """Remove a maker's codes after a name that has a number already."""
    kept: list[str] = []
    for word in name.split():
        has_number = any(char.isdigit() for one in kept for char in one)
        if not (has_number and _MODEL_CODE.fullmatch(word)):
            kept.append(word)
    return " ".join(kept)


def _split_generation(name: str) -> tuple[str, int | None]:
    """Split a name into the line and the generation's number, year or Roman numeral."""
    # A Roman numeral counts only where something precedes it: `X` alone is a name, `Xperia 1 V` is the fifth.
    roman = re.search(r"\b(X|IX|VI{0,3}|IV|I{1,3})$", name)
    if roman is not None and roman.start() > 0:
        return re.sub(r"\s*\b[XVI]+$", "", name).strip(), ROMAN_NUMERALS.index(roman[1]) + 1
    if (year := re.search(r"\(((?:19|20)\d\d)\)", name)) is not None:
        return " ".join(name.replace(year[0], " ").split()), int(year[1])
    # The 5 of `5G` is no generation.
    number = re.search(r"(?:^|[\s(A-Za-z-])(\d{1,2})(?![\dG])", name)
    line = re.sub(r"\(\d[^)]*\)|(?<![^\sA-Za-z-])\d{1,2}(?![\dG])", " ", name)
    return " ".join(line.split()), None if number is None else int(number[1])
