"""Numbers and categories from raw spec sheets, as native Spark expressions over a map of raw strings.

Keys are those of gsmarena.com sheets and their common variants, blanks and underscores read as hyphens. For each
figure the keys are tried in order and the first text that states it wins. Units come out as people say them in the
trade: inches, mAh, grams, megapixels, GB, mm, Hz, W, pixels per inch.
"""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DoubleType, StringType, StructField, StructType

from handpick.stages.transform.text import NUMBER, first_number, number, within

KEYS: dict[str, tuple[str, ...]] = {
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

NUMERIC = (
    "display_inches", "battery_mah", "weight_g", "main_camera_mp", "selfie_camera_mp", "ram_gb", "storage_gb",
    "thickness_mm", "refresh_hz", "charging_w", "ppi",
)  # fmt: skip
CATEGORICAL = ("os", "chipset", "network", "display_type", "sim", "build")

SCHEMA = StructType(
    [StructField(name, DoubleType()) for name in NUMERIC]
    + [StructField(name, StringType()) for name in CATEGORICAL]
    + [StructField(name, ArrayType(StringType())) for name in ("color_tags", "spec_tags")]
)
"""What `parsed` adds to each row."""

INCH = r"\s*-?\s*(?:inch(?:es)?\b|in\b(?!\s*\d+\s*min)|\"|''|[″”“]|英寸|吋|寸)"
GRAM = r"\s*(?:g|gr|gms?|[Gg]rams?|GRAMS?|克)(?![A-Za-z])"
MEGAPIXEL = r"(?:\s*\+\s*\d+(?:\.\d+)?)*\s*(?:MP(?:ix|x)?|[Mm]p(?:ix|x)?|[Mm]ega\s?-?[Pp]ixels?)(?![a-z])"

NAMED_MEGAPIXELS = (("QCIF", 0.03), ("QVGA", 0.08), ("CIF", 0.1), ("VGA", 0.3))
"""Sensors that sheets name by their video format, in megapixels; longer names first."""

COLORS = (
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


def texts(items: Column) -> dict[str, Column]:
    """For each group of `KEYS`, the raw texts under its keys, in order, joined by bars.

    Args:
        items: A `map<string,string>` column of raw specs with keys as `normalized_keys` leaves them.
    """
    return {name: F.concat_ws(" | ", *(items[key] for key in keys)) for name, keys in KEYS.items()}


def normalized_keys(specs: Column) -> Column:
    """A map of raw specs with lower-case, hyphenated keys; where two keys fall together the first one stays."""
    entries = F.transform(
        F.map_entries(specs),
        lambda entry: F.struct(
            F.regexp_replace(F.lower(F.trim(entry["key"])), r"[\s_.]+", "-").alias("key"),
            entry["value"].alias("value"),
        ),
    )
    keys = F.transform(entries, lambda entry: entry["key"])
    return F.map_from_entries(
        F.filter(entries, lambda entry, place: F.array_position(keys, entry["key"]) == place + 1)
    )


def numbers(raw: dict[str, Column], inches: Column) -> dict[str, Column]:
    """The numeric figures other than the diagonal, from the texts and the diagonal."""
    return {
        "battery_mah": battery_mah(raw["battery"]),
        "weight_g": weight_g(raw["weight"]),
        "main_camera_mp": megapixels(raw["camera"]),
        "selfie_camera_mp": megapixels(raw["selfie"]),
        "ram_gb": ram_gb(raw["ram"]),
        "storage_gb": storage_gb(raw["memory"]),
        "thickness_mm": thickness_mm(raw["thickness"]),
        "refresh_hz": within(first_number(raw["refresh"], r"\s*[Hh][Zz]\b"), 20, 500),
        "charging_w": charging_w(raw["charging"]),
        "ppi": pixels_per_inch(raw["resolution"], inches),
    }


def display_inches(text: Column) -> Column:
    """Diagonal in inches, from inches, centimetres or millimetres (a square measure is not a diagonal)."""
    inches = first_number(text, INCH)
    centimetres = first_number(text, r"\s*(?:cm|厘米)(?!\s*[2²])") / 2.54
    millimetres = number(F.regexp_extract(text, rf"^\s*{NUMBER}\s*mm(?!\s*[x×2²])", 1)) / 25.4
    return within(F.round(F.coalesce(inches, centimetres, millimetres), 2), 0.5, 25)


def battery_mah(text: Column) -> Column:
    """Capacity in mAh, from mAh or Ah; `5.000 mAh` is read as five thousand."""
    stated = first_number(text, r"\s*(?:m\s?[Aa]\s?[Hh]|MAH|毫安时?)")
    amperes = first_number(text, r"\s*(?:A[Hh]|安时)") * 1000
    is_grouped = (stated < 30) & F.regexp_like(text, F.lit(r"(?i)\d\.\d{3}\s*m"))
    grouped = F.when(is_grouped, stated * 1000).otherwise(stated)
    return within(F.round(F.coalesce(grouped, amperes), 0), 30, 30_000)


def weight_g(text: Column) -> Column:
    """Weight in grams, from g or kg, else from pounds and ounces, else from a bare leading number."""
    pounds = first_number(text, r"\s*(?:lbs?|pounds?)\b")
    ounces = first_number(text, r"\s*(?:oz|ounces?)\b")
    imperial = F.coalesce(pounds, F.lit(0.0)) * 453.59237 + F.coalesce(ounces, F.lit(0.0)) * 28.349523125
    grams = F.coalesce(
        first_number(text, GRAM),
        first_number(text, r"\s*(?:[Kk][Gg]|千克|公斤)") * 1000,
        number(F.regexp_extract(text, rf"^\s*{NUMBER}\s*\(", 1)),
        F.when(pounds.isNotNull() | ounces.isNotNull(), imperial),
        number(F.regexp_extract(text, rf"^\s*{NUMBER}\s*$", 1)),
    )
    return within(F.round(grams, 1), 10, 3000)


def megapixels(text: Column) -> Column:
    """The first sensor's resolution in megapixels; `VGA` and its relatives by their size."""
    wan = first_number(text, r"\s*万(?:像素)?") / 100
    named = F.lit(None).cast("double")
    for name, value in reversed(NAMED_MEGAPIXELS):
        named = F.when(F.regexp_like(text, F.lit(rf"\b{name}\b")), F.lit(value)).otherwise(named)
    return within(F.round(F.coalesce(first_number(text, MEGAPIXEL), wan, named), 2), 0.01, 400)


def ram_gb(text: Column) -> Column:
    """Working memory of the first version, in GB: `4GB RAM`, `8GB+256GB`, or a bare amount under the key `ram`."""
    amount = rf"{NUMBER}\s*([TGMK]B?)\s*(?:LPDDR\w*\s*)?"
    named = rf"(?i){amount}RAM|RAM:?\s*{amount}"
    value = F.coalesce(number(F.regexp_extract(text, named, 1)), number(F.regexp_extract(text, named, 3)))
    unit = F.concat(F.regexp_extract(text, named, 2), F.regexp_extract(text, named, 4))
    paired = number(F.regexp_extract(text, r"(?i)(\d+)\s*(?:GB?)?\s*\+\s*\d+\s*[GT]B", 1))
    alone = r"(?i)^\s*(\d+(?:[.,]\d+)?)\s*([GM]B?)\s*(?:LPDDR\w*)?\s*(?:\||$)"
    bare = _gigabytes(number(F.regexp_extract(text, alone, 1)), F.regexp_extract(text, alone, 2))
    return within(
        F.round(F.coalesce(_gigabytes(value, unit), paired, F.when(bare <= 24, bare)), 4), 0.0001, 64
    )


def storage_gb(text: Column) -> Column:
    """Internal storage of the first version, in GB; amounts marked as RAM do not count."""
    paired = r"(?i)\d+\s*(?:GB?)?\s*\+\s*(\d+)\s*([GT]B?)"
    plain = r"(?i)(?<!RAM: )(?<!RAM )(?<![\d.])(\d+(?:\.\d+)?)(?:\s*/\s*\d+)*\s*([TGMK]B)(?!\s*(?:LPDDR\w*\s*)?RAM)"
    value = F.coalesce(number(F.regexp_extract(text, paired, 1)), number(F.regexp_extract(text, plain, 1)))
    unit = F.when(F.regexp_like(text, F.lit(paired)), F.regexp_extract(text, paired, 2)).otherwise(
        F.regexp_extract(text, plain, 2)
    )
    return within(F.round(_gigabytes(value, unit), 4), 0.0001, 8192)


def _gigabytes(value: Column, unit: Column) -> Column:
    first = F.upper(F.substring(unit, 1, 1))
    scale = (
        F.when(first == "T", 1024.0)
        .when(first == "M", 1 / 1024)
        .when(first == "K", 1 / 1024**2)
        .otherwise(1.0)
    )
    return value * scale


def thickness_mm(text: Column) -> Column:
    """The third of three stated dimensions in mm (unfolded, for a folding phone), or a stated thickness."""
    triple = rf"{NUMBER}\s*[x×*]\s*{NUMBER}(?:-[\d.]+)?\s*[x×*]\s*{NUMBER}"
    inches = number(F.regexp_extract(text, triple + r"\s*(?:in|\")", 3)) * 25.4
    third = number(F.regexp_extract(text, triple, 3))
    small = F.coalesce(F.when(third < 2, inches), third)
    alone = first_number(text, r"\s*mm\s*(?:thick|\||$)")
    return within(F.round(F.coalesce(small, alone), 2), 2, 60)


def charging_w(text: Column) -> Column:
    """Wired charging power in watts; wireless and reverse power are left out."""
    wired = F.regexp_replace(text, r"(?i)(?:reverse|wireless|magsafe|qi\b)[^0-9|]*\d+(?:\.\d+)?\s*W", "")
    return within(first_number(wired, r"\s*(?:W|[Ww]atts?|瓦)(?![A-Za-z])"), 1, 400)


def pixels_per_inch(resolution: Column, inches: Column) -> Column:
    """Stated density, else that of the resolution over the diagonal."""
    pair = r"(\d{2,5})\s*[x×*]\s*(\d{2,5})"
    wide, high = (number(F.regexp_extract(resolution, pair, group)) for group in (1, 2))
    derived = F.sqrt(wide * wide + high * high) / inches
    return within(F.round(F.coalesce(first_number(resolution, r"\s*ppi"), derived), 0), 20, 1500)


def categories(raw: dict[str, Column]) -> dict[str, Column]:
    """The categorical figures; null where the sheet is silent, `other` where its word is not known."""
    return {
        "os": _one_of(
            raw["os"],
            ("Android|HarmonyOS|EMUI", "Android"), ("iOS|iPadOS", "iOS"), ("Windows", "Windows"),
            ("BlackBerry", "BlackBerry OS"), ("Symbian", "Symbian"), ("Bada", "Bada"), ("Tizen", "Tizen"),
            ("KaiOS", "KaiOS"), ("Firefox", "Firefox OS"), ("Palm|webOS", "webOS"), ("Linux|Maemo|MeeGo|Sailfish", "Linux"),
        ),
        "chipset": _one_of(
            raw["chipset"],
            ("Snapdragon|Qualcomm|MSM\\d", "Snapdragon"), ("Dimensity|Helio|Media\\s?[Tt]ek|MT\\d{4}", "MediaTek"),
            ("Exynos", "Exynos"), ("Kirin|HiSilicon", "Kirin"), ("Apple", "Apple"),
            ("Unisoc|Spreadtrum|\\bSC\\d{4}|Tiger", "Unisoc"), ("Tensor", "Tensor"), ("Tegra|Nvidia", "Tegra"),
            ("Intel|Atom", "Intel"), ("OMAP|\\bTI\\b", "OMAP"), ("NovaThor|STE\\b|ST-Ericsson", "NovaThor"),
            ("Broadcom|BCM", "Broadcom"),
        ),
        "network": _one_of(
            raw["network"],
            ("5G", "5G"), ("4G|LTE", "4G"), ("3G|HSPA|UMTS|EVDO|WCDMA|CDMA2000|TD-SCDMA", "3G"),
            ("2G|GSM|CDMA|GPRS|EDGE", "2G"), ("^No", "none"),
        ),
        "display_type": _one_of(
            raw["panel"],
            ("AMOLED", "AMOLED"), ("OLED", "OLED"), ("IPS|PLS|Retina", "IPS LCD"), ("TFT", "TFT"),
            ("LTPS|Super LCD|S-LCD|LCD", "LCD"), ("STN|UFB", "STN"), ("[Mm]onochrome|[Gg]r[ae]yscale", "monochrome"),
            ("[Ee]-?[Ii]nk", "e-ink"),
        ),
        "sim": _one_of(
            raw["sim"],
            ("[Tt]riple|[Qq]uad", "multi"), ("[Dd]ual|双卡", "dual"), ("^No\\b", "none"), ("eSIM|nano|micro|mini|[Ss]ingle|SIM|Nano|Micro|Mini|Yes", "single"),
        ),
        "build": _one_of(
            raw["build"],
            ("(?i)glass(?: \\([^)]*\\))? back|glass/\\w+ back", "glass"), ("(?i)ceramic", "ceramic"),
            ("(?i)leather", "leather"), ("(?i)alumini?um(?:[^,]*) back|metal", "aluminum"), ("(?i)titanium", "titanium"),
            ("(?i)plastic|polycarbonate", "plastic"), ("(?i)steel", "steel"), ("(?i)alumini?um", "aluminum"), ("(?i)glass", "glass"),
        ),
    }  # fmt: skip


def _one_of(text: Column, *choices: tuple[str, str]) -> Column:
    chosen = F.when(text != "", F.lit("other"))
    for pattern, name in reversed(choices):
        chosen = F.when(F.regexp_like(text, F.lit(pattern)), F.lit(name)).otherwise(chosen)
    return chosen


def colors(text: Column) -> Column:
    """Basic colour names behind the shop's own (`Starry Black, Wine red` gives `black`, `red`), sorted."""
    lowered = F.lower(text)
    return _present(*((F.regexp_like(lowered, F.lit(pattern)), name) for name, pattern in COLORS))


def tags(raw: dict[str, Column], figures: dict[str, Column]) -> Column:
    """Short words that describe the phone's figures and categories, sorted."""
    extras, camera, charging = raw["extras"], raw["camera"], F.lower(raw["charging_text"])
    return _present(
        (figures["network"] == "5G", "5g"),
        (figures["battery_mah"] >= 5000, "big-battery"),
        (figures["storage_gb"] >= 256, "big-storage"),
        (figures["display_inches"] < 6.0, "compact"),
        (figures["sim"] == "dual", "dual-sim"),
        (figures["charging_w"] >= 30, "fast-charging"),
        (F.regexp_like(camera, F.lit(r"f/\d|OIS")) & (figures["main_camera_mp"] >= 48), "good-camera"),
        (figures["refresh_hz"] >= 90, "high-refresh"),
        (figures["display_inches"] >= 6.5, "large-screen"),
        (figures["weight_g"] < 160, "light"),
        (F.regexp_like(extras, F.lit("microSD")), "memory-card"),
        (figures["display_type"].isin("AMOLED", "OLED"), "oled"),
        (figures["selfie_camera_mp"] >= 16, "selfie"),
        (figures["thickness_mm"] < 7.6, "slim"),
        (charging.contains("wireless") | charging.contains("qi "), "wireless-charging"),
    )


def _present(*choices: tuple[Column, str]) -> Column:
    """Names whose condition holds, sorted, without nulls."""
    return F.array_sort(
        F.array_compact(F.array(*(F.when(condition, F.lit(name)) for condition, name in choices)))
    )
