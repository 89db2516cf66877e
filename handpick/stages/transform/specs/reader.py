"""Reads a phone's specs from its sheet, description and title."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from typing import Any

from handpick.stages.transform.specs import categories, figures, free_text
from handpick.stages.transform.specs.keys import Topic, normalize_key, read_key
from handpick.stages.transform.specs.numbers import normalize_text, parse_number
from handpick.stages.transform.specs.synonyms import TOPIC_PHRASES

NUMERIC_SPECS = (
    "display_inches", "battery_mah", "weight_g", "main_camera_mp", "selfie_camera_mp", "ram_gb", "storage_gb",
    "thickness_mm", "refresh_hz", "charging_w", "ppi",
)  # fmt: skip
CATEGORICAL_SPECS = ("os", "chipset", "network", "display_type", "sim", "build")

TOPIC_OF_SPEC = {
    "display_inches": "display", "battery_mah": "battery", "weight_g": "weight", "main_camera_mp": "camera",
    "selfie_camera_mp": "selfie", "ram_gb": "ram", "storage_gb": "memory", "thickness_mm": "thickness",
    "refresh_hz": "refresh", "charging_w": "charging", "ppi": "resolution", "os": "os", "chipset": "chipset",
    "network": "network", "display_type": "panel", "sim": "sim", "build": "build", "color_tags": "colors",
}  # fmt: skip
"""The topic of each spec, whose keys are tried for it."""

DEFAULT_UNITS = {
    "display": "inch", "battery": "mAh", "weight": "g", "camera": "MP", "selfie": "MP", "ram": "GB",
    "memory": "GB", "refresh": "Hz", "charging": "W", "thickness": "mm",
}  # fmt: skip
"""By topic, the unit of a bare number."""
AMBIGUOUS_MEMORY_KEYS = frozenset(
    ("memory", "memoria", "memoire", "speicher", "pamiec", "hafiza", "память", "内存")
)
"""Keys that mean RAM where another key states the storage."""
RAM_ONLY_GB = frozenset((3, 6, 10, 12, 18, 24))
"""Amounts that RAM has and storage has not."""
MIN_BARE_MAH = 30
MAX_BARE_KG = 3
MAX_BARE_INCHES = 25
MAX_BARE_STORAGE_GB = 4096
NO_VALUES = frozenset(
    (
        "",
        "-",
        "--",
        "n/a",
        "na",
        "nan",
        "none",
        "null",
        "not specified",
        "unknown",
        "нет данных",
        "keine angabe",
        "no data",
    )
)

_BARE = re.compile(r"\d+(?:[.,]\d+)*")
_BARE_LIST = re.compile(r"\d+(?:[.,]\d+)?(?: ?[+/,&] ?\d+(?:[.,]\d+)?)*")


def load_sheet(specs: str | None) -> dict[str, str]:
    """Return a JSON object of raw specs as texts by key; nested keys are joined by a blank.

    A text that is no JSON object is one value under the key `specs`.
    """
    if not specs or not specs.strip():
        return {}
    try:
        loaded = json.loads(specs)
    except ValueError:
        return {"specs": specs}
    if not isinstance(loaded, dict):
        return {"specs": _write_value(loaded)}
    return dict(_flatten(loaded, ""))


def _flatten(value: Mapping[str, Any], before: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for key, inner in value.items():
        name = f"{before} {key}".strip()
        loaded = _load_object(inner) if isinstance(inner, str) else inner
        if isinstance(loaded, Mapping):
            found += _flatten(loaded, name)
        elif loaded is not None:
            found.append((name, _write_value(loaded)))
    return found


def _load_object(text: str) -> Any:
    """Return the JSON object that a text is, or else the text."""
    if text[:1] == "{":
        with contextlib.suppress(ValueError):
            return json.loads(text)
    return text


def _write_value(value: Any) -> str:
    """Write a JSON value as text; the values of a list are joined by commas."""
    if isinstance(value, list):
        pairs = [_write_named(one) for one in value]
        return ", ".join(pair for pair in pairs if pair)
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {_write_value(inner)}" for key, inner in value.items())
    return "" if value is None else str(value)


def _write_named(value: Any) -> str:
    """Write one entry of a list; of `{"name": …, "value": …}` as a line with a key."""
    if isinstance(value, Mapping):
        by_name = {normalize_key(str(key)): inner for key, inner in value.items()}
        for key in ("name", "key", "label", "title", "attribute"):
            if key in by_name and "value" in by_name:
                return f"; {by_name[key]}: {_write_value(by_name['value'])}"
    return _write_value(value)


def read_specs(
    sheet: Mapping[str, str],
    title: str = "",
    description: str = "",
    keys: Mapping[str, tuple[str, ...]] | None = None,
) -> dict[str, Any]:
    """Read all specs of a phone.

    A key of the sheet is tried before running text; of several keys, the more specific. The title decides
    which of the sheet's storages this variant has.

    Args:
        sheet: Raw texts by the shop's keys.
        title: The product's title.
        description: Its description.
        keys: By spec, the shop's own keys of it; these are tried first and alone.

    Returns:
        Numeric and categorical specs, `color_tags` and `spec_tags` by name; None where nothing states them.
    """
    title, description = normalize_text(title), normalize_text(description)
    lines: dict[str, str] = {}
    texts: list[str] = []
    for key, value in sheet.items():
        if read_key(key).is_text or len(value) > 160:
            for inner, line in free_text.find_keyed_lines(value).items():
                lines.setdefault(inner, line)
            texts.append(normalize_text(value))
        lines.setdefault(key, value)
    for inner, line in free_text.find_keyed_lines(description).items():
        lines.setdefault(inner, line)
    running = " | ".join(text for text in (*texts, description, title) if text)
    raw = _join_texts(lines, keys or {})
    found: dict[str, Any] = dict.fromkeys((*NUMERIC_SPECS, *CATEGORICAL_SPECS))
    found.update(_read_figures(raw, running, title))
    found["ppi"] = figures.parse_pixels_per_inch(raw["resolution"], found["display_inches"])
    found.update(_read_categories(raw, running))
    found["color_tags"] = list(categories.list_colors(raw["colors"] or title))
    found["spec_tags"] = categories.list_tags(raw, found)
    return found


def find_single_color(sheet: Mapping[str, str]) -> str:
    """Return the colour that a sheet states for this variant; empty where it states none or several."""
    named = [
        value
        for key, value in sheet.items()
        if (topic := read_key(key).topics.get("colors")) is not None
        and topic.rank < len(TOPIC_PHRASES["colors"])
    ]
    return next((normalize_text(value) for value in named if value and "," not in value), "")


def _join_texts(lines: Mapping[str, str], own_keys: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Return for each topic the texts under its keys, the most specific first, joined by bars."""
    ranked: dict[str, list[tuple[int, str]]] = {topic: [] for topic in TOPIC_PHRASES}
    own = {
        normalize_key(key): TOPIC_OF_SPEC[spec]
        for spec, named in own_keys.items()
        for key in named
        if spec in TOPIC_OF_SPEC
    }
    owned = set(own.values())
    has_storage = any(
        "memory" in read_key(key).topics and normalize_key(key) not in AMBIGUOUS_MEMORY_KEYS for key in lines
    )
    for key, value in lines.items():
        text = normalize_text(value)
        if text.lower() in NO_VALUES:
            continue
        told, name = read_key(key), normalize_key(key)
        topics = list(told.topics.values())
        if name in own:
            topics = [Topic(own[name], -1, True)] + [topic for topic in topics if topic.name != own[name]]
        elif name in AMBIGUOUS_MEMORY_KEYS and (has_storage or _is_ram(text)):
            topics = [Topic("ram", len(TOPIC_PHRASES["ram"]), True)]
        for topic in topics:
            if topic.rank < 0 or topic.name not in owned:
                ranked[topic.name].append((topic.rank, _add_unit(text, topic, told.unit)))
    return {
        topic: " | ".join(text for _, text in sorted(found, key=lambda one: one[0]))
        for topic, found in ranked.items()
    }


def _is_ram(text: str) -> bool:
    """Return whether an amount of memory alone is RAM: `8192 MB` or `12 GB`, where no storage is stated."""
    found = re.fullmatch(r"(\d+) ?(GB|MB|Go|Mo|ГБ|МБ)", text)
    if found is None:
        return False
    amount = int(found[1])
    return amount in RAM_ONLY_GB if found[2][0] in "GГ" else amount >= 1024 and amount % 512 == 0


def _add_unit(text: str, topic: Topic, unit: str) -> str:
    """Add the key's unit, or else the topic's usual one, to a text that is nothing but numbers."""
    if topic.name not in DEFAULT_UNITS or not topic.has_amount or not _BARE_LIST.fullmatch(text):
        return text
    first = parse_number(_BARE.findall(text)[0])
    return f"{text} {unit or _guess_unit(topic.name, first or 0.0, text)}"


def _guess_unit(topic: str, amount: float, text: str) -> str:
    """Return the unit of a bare amount: the usual one, unless that would be impossible."""
    if (topic == "ram" and amount > figures.MAX_RAM_GB) or (
        topic == "memory" and amount > MAX_BARE_STORAGE_GB
    ):
        return "MB"
    if topic == "battery" and amount < MIN_BARE_MAH and not re.fullmatch(r"\d\d?\.\d{3}", text):
        return "Ah"
    if topic == "weight" and amount < MAX_BARE_KG:
        return "kg"
    if topic == "display" and amount > MAX_BARE_INCHES:
        return "mm"
    return DEFAULT_UNITS[topic]


def _read_figures(raw: Mapping[str, str], running: str, title: str) -> dict[str, float | None]:
    """Return the numeric specs other than the pixel density."""
    charging = figures.parse_charging_w(raw["charging"])
    selfie = free_text.find_camera_mp(raw["camera"], True)
    return {
        "display_inches": _first(
            figures.parse_display_inches(raw["display"]), free_text.find_display_inches(running)
        ),
        "battery_mah": _first(figures.parse_battery_mah(raw["battery"]), free_text.find_battery_mah(running)),
        "weight_g": _first(figures.parse_weight_g(raw["weight"]), free_text.find_weight_g(running)),
        "main_camera_mp": _first(
            # A key of all cameras may name the front one first.
            free_text.find_camera_mp(raw["camera"], False) if selfie is not None else None,
            figures.parse_megapixels(raw["camera"]),
            free_text.find_camera_mp(running, False),
        ),
        "selfie_camera_mp": _first(
            figures.parse_megapixels(raw["selfie"]), selfie, free_text.find_camera_mp(running, True)
        ),
        "ram_gb": _read_ram(raw["ram"], raw["memory"], running),
        "storage_gb": _read_storage(raw["memory"], raw["ram"], running, title),
        "thickness_mm": figures.parse_thickness_mm(raw["thickness"]),
        "refresh_hz": _first(figures.parse_refresh_hz(raw["refresh"]), figures.parse_refresh_hz(running)),
        "charging_w": _first(charging, free_text.find_charging_w(running)),
    }


def _first(*values: float | None) -> float | None:
    """Return the first value that there is."""
    return next((value for value in values if value is not None), None)


def _read_ram(text: str, shared: str, running: str) -> float | None:
    """Return the RAM: an amount under a key of RAM, else one that is marked or paired with storage.

    Args:
        text: Texts under keys of RAM.
        shared: Texts under keys of storage.
        running: Running text.
    """
    for part in filter(None, text.split(" | ")):
        amount = _first(figures.parse_ram_gb(part), figures.parse_first_amount_gb(part))
        if amount is not None and amount <= figures.MAX_AMBIGUOUS_RAM_GB:
            return amount
    return _first(figures.parse_ram_gb(shared), figures.parse_ram_gb(running))


def _read_storage(text: str, shared: str, running: str, title: str) -> float | None:
    """Return the storage: the title's where the sheet leaves a choice, else the sheet's first.

    Args:
        text: Texts under keys of storage.
        shared: Texts under keys of RAM; those that state two amounts may state the storage too.
        running: Running text.
        title: The title.
    """
    stated = figures.list_storage_gb(text)
    if not stated and (ram := figures.parse_ram_gb(shared)) is not None:
        stated = tuple(value for value in figures.list_storage_gb(shared) if value >= 2 * ram)
    titled = figures.list_storage_gb(title)
    if titled and (not stated or titled[0] in stated):
        return titled[0]
    if stated:
        return stated[0]
    written = figures.list_storage_gb(running)
    return written[0] if written else None


def _read_categories(raw: Mapping[str, str], running: str) -> dict[str, str | None]:
    """Return the categorical specs: what the keys say, else what running text names."""

    def read(topic: str, choices: categories.Choices, known: str = "") -> str | None:
        found = categories.match_first(raw[topic], choices)
        if found in (None, "other") and known:
            named = categories.match_first(" | ".join(re.findall(known, running)), choices)
            found = named if named not in (None, "other") else found
        return found

    chipset = categories.name_chipset(raw["chipset"])
    if chipset in (None, "other"):
        named = categories.match_first(running, categories.CHIPSET)
        chipset = named if named not in (None, "other", "Intel", "OMAP") else chipset
    return {
        "os": read("os", categories.OS, r"(?i)Android|\biOS\b|HarmonyOS|KaiOS|Windows Phone"),
        "chipset": chipset,
        "network": read("network", categories.NETWORK, r"\b(?:5G|4G|LTE|3G)\b"),
        "display_type": read("panel", categories.DISPLAY_TYPE, r"(?i)AMOLED|OLED|\bIPS\b|\bTFT\b|\bLCD\b"),
        "sim": read("sim", categories.SIM, r"(?i)dual[- ]sim|triple[- ]sim|single[- ]sim|双卡"),
        "build": categories.match_first(raw["build"], categories.BUILD),
    }
