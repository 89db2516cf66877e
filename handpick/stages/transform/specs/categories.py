"""Categories, colours and tags: the words of spec sheets as one of a few values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

Choices = Sequence[tuple[re.Pattern[str], str]]


def _compile(*choices: tuple[str, str]) -> Choices:
    return tuple((re.compile(pattern), name) for pattern, name in choices)


OS = _compile(
    (
        "(?i)Android|HarmonyOS|EMUI|MIUI|One ?UI|ColorOS|鸿蒙|安卓|андроид",
        "Android",
    ),
    ("(?i)\\biOS|iPadOS", "iOS"),
    ("Windows", "Windows"), ("BlackBerry", "BlackBerry OS"), ("Symbian", "Symbian"), ("Bada", "Bada"),
    ("Tizen", "Tizen"), ("(?i)KaiOS", "KaiOS"), ("Firefox", "Firefox OS"), ("Palm|webOS", "webOS"),
    ("Linux|Maemo|MeeGo|Sailfish", "Linux"),
)  # fmt: skip
CHIPSET = _compile(
    ("(?i)Snapdragon|Qualcomm|\\bMSM ?\\d|骁龙|高通|\\bSM\\d{4}|\\bSDM\\d{3}", "Snapdragon"),
    ("(?i)Dimensity|Helio|Media\\s?tek|\\bMT\\d{4}|天玑|联发科", "MediaTek"), ("(?i)Exynos|猎户座", "Exynos"),
    ("(?i)Kirin|HiSilicon|麒麟", "Kirin"),
    (
        "(?i)Apple|Bionic|苹果|\\bA\\d{1,2}[XZ]? (?:Fusion|Pro\\b|Chip)|"
        "^(?:Chip )?[AM]\\d{1,2}[XZ]?\\b(?! ?(?:x|core))",
        "Apple",
    ),
    (
        "(?i)Unisoc|Spreadtrum|\\bSC\\d{4}|Tiger|紫光展锐|\\bT[67]\\d\\d\\b",
        "Unisoc",
    ),
    ("(?i)Tensor", "Tensor"),
    ("(?i)Tegra|Nvidia", "Tegra"), ("Intel|Atom\\b", "Intel"), ("OMAP|\\bTI\\b", "OMAP"),
    ("NovaThor|STE\\b|ST-Ericsson", "NovaThor"), ("Broadcom|BCM", "Broadcom"),
)  # fmt: skip
NETWORK = _compile(
    ("5G", "5G"), ("4G|LTE", "4G"), ("3G|HSPA|UMTS|EVDO|WCDMA|CDMA2000|TD-SCDMA", "3G"),
    ("2G|GSM|CDMA|GPRS|EDGE", "2G"), ("^No", "none"),
)  # fmt: skip
DISPLAY_TYPE = _compile(
    ("(?i)AMOLED", "AMOLED"), ("(?i)OLED", "OLED"), ("IPS|PLS|Retina", "IPS LCD"), ("TFT", "TFT"),
    ("LTPS|Super LCD|S-LCD|LCD", "LCD"), ("STN|UFB", "STN"),
    ("[Mm]onochrome|[Gg]r[ae]yscale", "monochrome"), ("[Ee]-?[Ii]nk", "e-ink"),
)  # fmt: skip
SIM = _compile(
    ("(?i)triple|quad|^[3-9]\\b", "multi"), ("(?i)dual|双卡|doppel|doble|double|doppia|две|^2\\b", "dual"),
    ("^No\\b|^0\\b", "none"),
    ("(?i)eSIM|nano|micro|mini|single|SIM|Yes|^1\\b|单卡", "single"),
)  # fmt: skip
BUILD = _compile(
    ("(?i)glass(?: \\([^)]*\\))? back|glass/\\w+ back", "glass"), ("(?i)ceramic", "ceramic"),
    ("(?i)leather", "leather"), ("(?i)alumini?um(?:[^,]*) back|metal", "aluminum"),
    (
        "(?i)titanium|钛",
        "titanium",
    ),
    ("(?i)plastic|polycarbonate|kunststoff", "plastic"), ("(?i)steel", "steel"),
    ("(?i)alumini?um", "aluminum"), ("(?i)glass?\\b|玻璃", "glass"),
)  # fmt: skip

COLOR_PATTERNS: Choices = _compile(
    (
        "black|midnight|graphite|onyx|obsidian|charcoal|schwarz|negro|noir|\\bnero|preto|czarny|"
        "siyah|ч[её]рн|黑|काला",
        "black",
    ),
    (
        "white|ivory|pearl|starlight|weiß|weiss|blanco|blanc\\b|bianco|branco|biały|beyaz|"
        "бел(?:ый|ая)|白|सफेद",
        "white",
    ),
    ("gr[ae]y|titanium|slate|\\bgrau|\\bgris|grigio|cinza|szary|gri\\b|сер(?:ый|ая)|灰", "gray"),
    ("silver|platinum|steel|silber|plateado|plata\\b|argent|prata|srebrny|gümüş|серебр|银", "silver"),
    ("gold|champagne|dorado|\\boro\\b|\\bor\\b|dourado|złoty|altın|золот|金", "gold"),
    (
        "blue|navy|azure|cyan|aqua|sapphire|indigo|blau|azul|bleu|\\bblu\\b|niebieski|mavi|"
        "син(?:ий|яя)|голуб|蓝|नीला",
        "blue",
    ),
    ("green|mint|emerald|olive|teal|lime|grün|verde|vert\\b|zielony|yeşil|зел[её]н|绿|हरा", "green"),
    (
        "\\bred\\b|crimson|scarlet|ruby|burgundy|coral|wine red|\\brot\\b|rojo|rouge|rosso|"
        "vermelho|czerwony|kırmızı|красн|红|लाल",
        "red",
    ),
    ("pink|rose|magenta|\\brosa\\b|różowy|pembe|розов|粉", "pink"),
    (
        "purple|violet|lavender|lilac|aubergine|\\blila\\b|morado|viola\\b|roxo|fioletowy|"
        "\\bmor\\b|фиолет|紫",
        "purple",
    ),
    ("yellow|amber|gelb|amarillo|jaune|giallo|amarelo|żółty|sarı|ж[её]лт|黄", "yellow"),
    ("orange|copper|sunset|peach|naranja|arancione|laranja|pomarańczowy|turuncu|оранж|橙", "orange"),
    (
        "brown|bronze|chocolate|coffee|mocha|braun|marrón|marron|marrone|marrom|brązowy|"
        "kahverengi|коричн|棕",
        "brown",
    ),
)  # fmt: skip
"""Basic colours and the words that state them, in lower case."""

_NAMED_CHIP = re.compile(r"[^\W\d_]{3,}")
_NO_CHIP = re.compile(
    r"(?i)\b(?:octa|hexa|quad|dual|single|deca|core|cores|kern|kerne|nucleos|ghz|mhz|yes|no|bit|cortex)\b|[\d.,\s×x&+()/-]"
)


@lru_cache(maxsize=16_384)
def match_first(text: str, choices: Choices) -> str | None:
    """Return the name of the first pattern that a text matches; `other` for another text, None for none."""
    if not text:
        return None
    return next((name for pattern, name in choices if pattern.search(text)), "other")


def name_chipset(text: str) -> str | None:
    """Return the maker's line of a chipset; None where the text only states cores and clock rates."""
    found = match_first(text, CHIPSET)
    return None if found == "other" and not _NAMED_CHIP.search(_NO_CHIP.sub(" ", text)) else found


@lru_cache(maxsize=16_384)
def list_colors(text: str) -> tuple[str, ...]:
    """Return the basic colours that a text names, sorted (`Starry Black, Wine red` gives `black`, `red`)."""
    lowered = text.lower()
    return tuple(sorted(name for pattern, name in COLOR_PATTERNS if pattern.search(lowered)))


def list_tags(raw: Mapping[str, str], specs: Mapping[str, Any]) -> list[str]:
    """Return tags that summarize a phone's specs, such as `5g` or `big-battery`, sorted.

    Args:
        raw: Texts by topic.
        specs: Numeric and categorical specs by name.
    """
    charging = raw["charging_text"].lower()

    def is_at_least(name: str, least: float) -> bool:
        return specs[name] is not None and specs[name] >= least

    def is_below(name: str, limit: float) -> bool:
        return specs[name] is not None and specs[name] < limit

    found = {
        "5g": specs["network"] == "5G",
        "big-battery": is_at_least("battery_mah", 5000),
        "big-storage": is_at_least("storage_gb", 256),
        "compact": is_below("display_inches", 6.0),
        "dual-sim": specs["sim"] == "dual",
        "fast-charging": is_at_least("charging_w", 30),
        "good-camera": bool(re.search(r"f/\d|OIS", raw["camera"])) and is_at_least("main_camera_mp", 48),
        "high-refresh": is_at_least("refresh_hz", 90),
        "large-screen": is_at_least("display_inches", 6.5),
        "light": is_below("weight_g", 160),
        "memory-card": "microSD" in raw["extras"],
        "oled": specs["display_type"] in ("AMOLED", "OLED"),
        "selfie": is_at_least("selfie_camera_mp", 16),
        "slim": is_below("thickness_mm", 7.6),
        "wireless-charging": "wireless" in charging or "qi " in charging,
    }
    return sorted(name for name, holds in found.items() if holds)
