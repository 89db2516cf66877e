"""Numeric and categorical specs from raw spec sheets, as native expressions over a map of raw strings.

Keys are those of gsmarena.com sheets and their common variants, with blanks and underscores as hyphens. For
each spec the keys are tried in order and the first text that states it wins. Units are those customary in the
trade: inches, mAh, grams, megapixels, GB, mm, Hz, W, pixels per inch.
"""

from __future__ import annotations

import pyarrow as pa

from handpick.runtime.dataframes import Column, F
from handpick.stages.transform.text_expressions import (
    NUMBER_PATTERN,
    extract_number,
    has_match,
    null_outside,
    parse_number,
)

SPEC_KEYS: dict[str, tuple[str, ...]] = {
    "display": ("size", "display-size", "screen-size", "screen", "display", "display-type", "resolution"),
    "battery": ("battery-type", "battery", "battery-capacity", "capacity"),
    "weight": ("weight", "mass", "body"),
    "camera": ("main-camera", "rear-camera", "back-camera", "primary-camera", "camera"),
    "selfie": ("selfie-camera", "front-camera", "secondary-camera"),
    "memory": ("internal", "memory", "storage", "internal-memory"),
    "ram": ("ram", "internal", "memory", "storage"),
    "thickness": ("thickness", "dimensions", "body"),
    "refresh": ("refresh-rate", "refresh", "display-type", "display", "screen", "size"),
    "charging": ("charging", "fast-charging", "charger", "battery-charging", "battery-type", "battery"),
    "resolution": ("resolution", "display-resolution", "display", "screen", "size"),
    "os": ("os", "operating-system", "platform", "software"),
    "chipset": ("chipset", "soc", "processor", "cpu"),
    "network": ("technology", "network", "network-technology", "networks"),
    "panel": ("display-type", "panel", "display", "screen", "screen-type"),
    "sim": ("sim", "sim-card"),
    "build": ("build", "materials", "material", "body"),
    "colors": ("colors", "color", "colours", "colour"),
    "charging_text": ("charging", "wireless-charging"),
    "extras": ("nfc", "35-mm-jack", "card-slot"),
}
"""By group of specs, the keys of spec sheets that state it, in the order in which they are tried."""

NUMERIC_SPECS = (
    "display_inches", "battery_mah", "weight_g", "main_camera_mp", "selfie_camera_mp", "ram_gb", "storage_gb",
    "thickness_mm", "refresh_hz", "charging_w", "ppi",
)  # fmt: skip
CATEGORICAL_SPECS = ("os", "chipset", "network", "display_type", "sim", "build")

SPEC_SCHEMA = pa.schema(
    [pa.field(name, pa.float64()) for name in NUMERIC_SPECS]
    + [pa.field(name, pa.string()) for name in CATEGORICAL_SPECS]
    + [pa.field(name, pa.list_(pa.string())) for name in ("color_tags", "spec_tags")]
)
"""Columns that `catalog.add_specs` adds to each row."""

INCH_UNIT = r"\s*-?\s*(?:inch(?:es)?\b|in\b(?!\s*\d+\s*min)|\"|''|[″”“]|英寸|吋|寸)"
GRAM_UNIT = r"\s*(?:g|gr|gms?|[Gg]rams?|GRAMS?|克)(?![A-Za-z])"
# The units allow for `50MP`, `50 Mpix`, `12+5 MP`; the last takes the first number of a sum.
MEGAPIXEL_UNIT = (
    r"(?:\s*\+\s*\d+(?:\.\d+)?)*\s*(?:MP(?:ix|x)?|[Mm]p(?:ix|x)?|[Mm]ega\s?-?[Pp]ixels?)(?![a-z])"
)

NAMED_MEGAPIXELS = (("QCIF", 0.03), ("QVGA", 0.08), ("CIF", 0.1), ("VGA", 0.3))
"""Sensors that sheets name by their video format, in megapixels; longer names first."""

COLOR_PATTERNS = (
    ("black", "black|midnight|graphite|onyx|obsidian|charcoal|黑"),
    ("white", "white|ivory|pearl|白"),
    ("gray", "gr[ae]y|titanium|slate|灰"),
    ("silver", "silver|platinum|steel|银"),
    ("gold", "gold|champagne|金"),
    ("blue", "blue|navy|azure|cyan|aqua|sapphire|indigo|蓝"),
    ("green", "green|mint|emerald|olive|teal|lime|绿"),
    ("red", "red|crimson|scarlet|ruby|burgundy|coral|红"),
    ("pink", "pink|rose|magenta|粉"),
    ("purple", "purple|violet|lavender|lilac|aubergine|紫"),
    ("yellow", "yellow|amber|黄"),
    ("orange", "orange|copper|sunset|peach|橙"),
    ("brown", "brown|bronze|chocolate|coffee|mocha|棕"),
)
"""Basic colours and the pattern of words that state them, in lower case."""


def join_texts(items: Column) -> dict[str, Column]:
    """Return for each group of `SPEC_KEYS` the raw texts under its keys, in order, joined by bars.

    Args:
        items: A `map<string,string>` column of raw specs with keys as `normalize_keys` leaves them.
    """
    return {name: F.concat_ws(" | ", *(items[key] for key in keys)) for name, keys in SPEC_KEYS.items()}


def normalize_keys(specs: Column) -> Column:
    """Return a map of raw specs with lower-case, hyphenated keys; of keys that become equal, the first stays.

    Args:
        specs: A `map<string,string>` column, keys as the shop writes them.
    """
    entries = F.transform(
        F.map_entries(specs),
        lambda entry: F.struct(
            F.regexp_replace(F.lower(F.trim(entry["key"])), r"[\s_.]+", "-").alias("key"),
            entry["value"].alias("value"),
        ),
    )
    # `map_from_entries` refuses duplicate keys, which normalizing can make of `Display Size` and
    # `display-size`.
    keys = F.transform(entries, lambda entry: entry["key"])
    return F.map_from_entries(
        F.filter(entries, lambda entry, place: F.array_position(keys, entry["key"]) == place + 1)
    )


def parse_numbers(raw: dict[str, Column], inches: Column) -> dict[str, Column]:
    """Return the numeric specs other than the diagonal, by column.

    Args:
        raw: What `join_texts` returned.
        inches: The diagonal in inches.
    """
    return {
        "battery_mah": parse_battery_mah(raw["battery"]),
        "weight_g": parse_weight_g(raw["weight"]),
        "main_camera_mp": parse_megapixels(raw["camera"]),
        "selfie_camera_mp": parse_megapixels(raw["selfie"]),
        "ram_gb": parse_ram_gb(raw["ram"]),
        "storage_gb": parse_storage_gb(raw["memory"]),
        "thickness_mm": parse_thickness_mm(raw["thickness"]),
        "refresh_hz": null_outside(extract_number(raw["refresh"], r"\s*[Hh][Zz]\b"), 20, 500),
        "charging_w": parse_charging_w(raw["charging"]),
        "ppi": parse_pixels_per_inch(raw["resolution"], inches),
    }


def parse_display_inches(text: Column) -> Column:
    """Read the display's diagonal in inches, from inches, cm or mm; areas (`cm²`) are skipped."""
    inches = extract_number(text, INCH_UNIT)
    centimetres = extract_number(text, r"\s*(?:cm|厘米)(?!\s*[2²])") / 2.54
    millimetres = parse_number(F.regexp_extract(text, rf"^\s*{NUMBER_PATTERN}\s*mm(?!\s*[x×2²])", 1)) / 25.4
    return null_outside(F.round(F.coalesce(inches, centimetres, millimetres), 2), 0.5, 25)


def parse_battery_mah(text: Column) -> Column:
    """Read the battery's capacity in mAh, from mAh or Ah; `5.000 mAh` is read as five thousand."""
    stated = extract_number(text, r"\s*(?:m\s?[Aa]\s?[Hh]|MAH|毫安时?)")
    amperes = extract_number(text, r"\s*(?:A[Hh]|安时)") * 1000
    is_grouped = (stated < 30) & has_match(text, r"(?i)\d\.\d{3}\s*m")
    grouped = F.when(is_grouped, stated * 1000).otherwise(stated)
    return null_outside(F.round(F.coalesce(grouped, amperes), 0), 30, 30_000)


def parse_weight_g(text: Column) -> Column:
    """Read the weight in grams, from g or kg, else pounds and ounces, else a bare leading number."""
    pounds = extract_number(text, r"\s*(?:lbs?|pounds?)\b")
    ounces = extract_number(text, r"\s*(?:oz|ounces?)\b")
    imperial = F.coalesce(pounds, F.lit(0.0)) * 453.59237 + F.coalesce(ounces, F.lit(0.0)) * 28.349523125
    grams = F.coalesce(
        extract_number(text, GRAM_UNIT),
        extract_number(text, r"\s*(?:[Kk][Gg]|千克|公斤)") * 1000,
        parse_number(F.regexp_extract(text, rf"^\s*{NUMBER_PATTERN}\s*\(", 1)),
        F.when(pounds.isNotNull() | ounces.isNotNull(), imperial),
        parse_number(F.regexp_extract(text, rf"^\s*{NUMBER_PATTERN}\s*$", 1)),
    )
    return null_outside(F.round(grams, 1), 10, 3000)


def parse_megapixels(text: Column) -> Column:
    """Read the first sensor's resolution in megapixels; `VGA` and similar names count by their size."""
    # 万 is ten thousand: Chinese sheets write 50 megapixels as 5000万.
    wan = extract_number(text, r"\s*万(?:像素)?") / 100
    named = F.lit(None).cast("double")
    for name, value in reversed(NAMED_MEGAPIXELS):
        named = F.when(has_match(text, rf"\b{name}\b"), F.lit(value)).otherwise(named)
    return null_outside(F.round(F.coalesce(extract_number(text, MEGAPIXEL_UNIT), wan, named), 2), 0.01, 400)


def parse_ram_gb(text: Column) -> Column:
    """Read the RAM of the first variant in GB: `4GB RAM`, `8GB+256GB`, or a bare amount."""
    amount = rf"{NUMBER_PATTERN}\s*([TGMK]B?)\s*(?:LPDDR\w*\s*)?"
    named = rf"(?i){amount}RAM|RAM:?\s*{amount}"
    value = F.coalesce(
        parse_number(F.regexp_extract(text, named, 1)), parse_number(F.regexp_extract(text, named, 3))
    )
    unit = F.concat(F.regexp_extract(text, named, 2), F.regexp_extract(text, named, 4))
    paired = parse_number(F.regexp_extract(text, r"(?i)(\d+)\s*(?:GB?)?\s*\+\s*\d+\s*[GT]B", 1))
    alone = r"(?i)^\s*(\d+(?:[.,]\d+)?)\s*([GM]B?)\s*(?:LPDDR\w*)?\s*(?:\||$)"
    bare = _convert_to_gb(parse_number(F.regexp_extract(text, alone, 1)), F.regexp_extract(text, alone, 2))
    # A bare amount above 24 GB is storage, whatever its key.
    return null_outside(
        F.round(F.coalesce(_convert_to_gb(value, unit), paired, F.when(bare <= 24, bare)), 4), 0.0001, 64
    )


def parse_storage_gb(text: Column) -> Column:
    """Read the internal storage of the first variant in GB; amounts marked as RAM do not count."""
    paired = r"(?i)\d+\s*(?:GB?)?\s*\+\s*(\d+)\s*([GT]B?)"
    plain = (
        r"(?i)(?<!RAM: )(?<!RAM )(?<![\d.])(\d+(?:\.\d+)?)(?:\s*/\s*\d+)*"
        r"\s*([TGMK]B)(?!\s*(?:LPDDR\w*\s*)?RAM)"
    )
    value = F.coalesce(
        parse_number(F.regexp_extract(text, paired, 1)), parse_number(F.regexp_extract(text, plain, 1))
    )
    unit = F.when(has_match(text, paired), F.regexp_extract(text, paired, 2)).otherwise(
        F.regexp_extract(text, plain, 2)
    )
    return null_outside(F.round(_convert_to_gb(value, unit), 4), 0.0001, 8192)


def _convert_to_gb(value: Column, unit: Column) -> Column:
    """Convert an amount of memory to GB by the first letter of its unit (T, G, M or K)."""
    first = F.upper(F.substring(unit, 1, 1))
    scale = (
        F.when(first == "T", 1024.0)
        .when(first == "M", 1 / 1024)
        .when(first == "K", 1 / 1024**2)
        .otherwise(1.0)
    )
    return value * scale


def parse_thickness_mm(text: Column) -> Column:
    """Read the thickness in mm: the third of three dimensions (unfolded), else a single one."""
    triple = rf"{NUMBER_PATTERN}\s*[x×*]\s*{NUMBER_PATTERN}(?:-[\d.]+)?\s*[x×*]\s*{NUMBER_PATTERN}"
    inches = parse_number(F.regexp_extract(text, triple + r"\s*(?:in|\")", 3)) * 25.4
    third = parse_number(F.regexp_extract(text, triple, 3))
    # No phone is thinner than 2 mm: a smaller third dimension is in inches.
    small = F.coalesce(F.when(third < 2, inches), third)
    alone = extract_number(text, r"\s*mm\s*(?:thick|\||$)")
    return null_outside(F.round(F.coalesce(small, alone), 2), 2, 60)


def parse_charging_w(text: Column) -> Column:
    """Read the wired charging power in watts; wireless and reverse charging are left out."""
    wired = F.regexp_replace(text, r"(?i)(?:reverse|wireless|magsafe|qi\b)[^0-9|]*\d+(?:\.\d+)?\s*W", "")
    return null_outside(extract_number(wired, r"\s*(?:W|[Ww]atts?|瓦)(?![A-Za-z])"), 1, 400)


def parse_pixels_per_inch(resolution: Column, inches: Column) -> Column:
    """Read the stated pixel density, else compute it from the resolution and the diagonal."""
    pair = r"(\d{2,5})\s*[x×*]\s*(\d{2,5})"
    wide, high = (parse_number(F.regexp_extract(resolution, pair, group)) for group in (1, 2))
    derived = F.sqrt(wide * wide + high * high) / inches
    return null_outside(F.round(F.coalesce(extract_number(resolution, r"\s*ppi"), derived), 0), 20, 1500)


def parse_categories(raw: dict[str, Column]) -> dict[str, Column]:
    """Return the categorical specs by column; null where there is no text, `other` for unknown text.

    Args:
        raw: What `join_texts` returned.
    """
    return {
        "os": _match_first(
            raw["os"],
            ("Android|HarmonyOS|EMUI", "Android"), ("iOS|iPadOS", "iOS"), ("Windows", "Windows"),
            ("BlackBerry", "BlackBerry OS"), ("Symbian", "Symbian"), ("Bada", "Bada"), ("Tizen", "Tizen"),
            ("KaiOS", "KaiOS"), ("Firefox", "Firefox OS"), ("Palm|webOS", "webOS"),
            ("Linux|Maemo|MeeGo|Sailfish", "Linux"),
        ),
        "chipset": _match_first(
            raw["chipset"],
            ("Snapdragon|Qualcomm|MSM\\d", "Snapdragon"),
            ("Dimensity|Helio|Media\\s?[Tt]ek|MT\\d{4}", "MediaTek"), ("Exynos", "Exynos"),
            ("Kirin|HiSilicon", "Kirin"), ("Apple", "Apple"),
            ("Unisoc|Spreadtrum|\\bSC\\d{4}|Tiger", "Unisoc"), ("Tensor", "Tensor"),
            ("Tegra|Nvidia", "Tegra"), ("Intel|Atom", "Intel"), ("OMAP|\\bTI\\b", "OMAP"),
            ("NovaThor|STE\\b|ST-Ericsson", "NovaThor"), ("Broadcom|BCM", "Broadcom"),
        ),
        "network": _match_first(
            raw["network"],
            ("5G", "5G"), ("4G|LTE", "4G"), ("3G|HSPA|UMTS|EVDO|WCDMA|CDMA2000|TD-SCDMA", "3G"),
            ("2G|GSM|CDMA|GPRS|EDGE", "2G"), ("^No", "none"),
        ),
        "display_type": _match_first(
            raw["panel"],
            ("AMOLED", "AMOLED"), ("OLED", "OLED"), ("IPS|PLS|Retina", "IPS LCD"), ("TFT", "TFT"),
            ("LTPS|Super LCD|S-LCD|LCD", "LCD"), ("STN|UFB", "STN"),
            ("[Mm]onochrome|[Gg]r[ae]yscale", "monochrome"), ("[Ee]-?[Ii]nk", "e-ink"),
        ),
        "sim": _match_first(
            raw["sim"],
            ("[Tt]riple|[Qq]uad", "multi"), ("[Dd]ual|双卡", "dual"), ("^No\\b", "none"),
            ("eSIM|nano|micro|mini|[Ss]ingle|SIM|Nano|Micro|Mini|Yes", "single"),
        ),
        "build": _match_first(
            raw["build"],
            ("(?i)glass(?: \\([^)]*\\))? back|glass/\\w+ back", "glass"), ("(?i)ceramic", "ceramic"),
            ("(?i)leather", "leather"), ("(?i)alumini?um(?:[^,]*) back|metal", "aluminum"),
            ("(?i)titanium", "titanium"), ("(?i)plastic|polycarbonate", "plastic"), ("(?i)steel", "steel"),
            ("(?i)alumini?um", "aluminum"), ("(?i)glass", "glass"),
        ),
    }  # fmt: skip


def _match_first(text: Column, *choices: tuple[str, str]) -> Column:
    """Return the name of the first pattern that a text matches."""
    chosen = F.when(text != "", F.lit("other"))
    for pattern, name in reversed(choices):
        chosen = F.when(has_match(text, pattern), F.lit(name)).otherwise(chosen)
    return chosen


def parse_colors(text: Column) -> Column:
    """Extract basic colour names, sorted, from the shop's (`Starry Black, Wine red` gives `black`, `red`)."""
    lowered = F.lower(text)
    return _collect_true(*((has_match(lowered, pattern), name) for name, pattern in COLOR_PATTERNS))


def derive_tags(raw: dict[str, Column], figures: dict[str, Column]) -> Column:
    """Return tags that summarize a phone's specs, such as `5g` or `big-battery`, sorted.

    Args:
        raw: What `join_texts` returned.
        figures: Numeric and categorical columns by name.
    """
    extras, camera, charging = raw["extras"], raw["camera"], F.lower(raw["charging_text"])
    return _collect_true(
        (figures["network"] == "5G", "5g"),
        (figures["battery_mah"] >= 5000, "big-battery"),
        (figures["storage_gb"] >= 256, "big-storage"),
        (figures["display_inches"] < 6.0, "compact"),
        (figures["sim"] == "dual", "dual-sim"),
        (figures["charging_w"] >= 30, "fast-charging"),
        (has_match(camera, r"f/\d|OIS") & (figures["main_camera_mp"] >= 48), "good-camera"),
        (figures["refresh_hz"] >= 90, "high-refresh"),
        (figures["display_inches"] >= 6.5, "large-screen"),
        (figures["weight_g"] < 160, "light"),
        (has_match(extras, "microSD"), "memory-card"),
        (figures["display_type"].isin("AMOLED", "OLED"), "oled"),
        (figures["selfie_camera_mp"] >= 16, "selfie"),
        (figures["thickness_mm"] < 7.6, "slim"),
        (charging.contains("wireless") | charging.contains("qi "), "wireless-charging"),
    )


def _collect_true(*choices: tuple[Column, str]) -> Column:
    """Return the names whose condition holds, sorted."""
    return F.array_sort(
        F.array_compact(F.array(*(F.when(condition, F.lit(name)) for condition, name in choices)))
    )
