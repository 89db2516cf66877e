"""Specs are read from sheets in many notations; where a sheet states nothing, the value is null."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import pytest

from handpick.runtime.dataframes import F
from handpick.stages.transform.catalog import add_specs
from handpick.stages.transform.specs import NUMERIC_SPECS, normalize_keys

from .conftest import Frames, collect

EXPECTED = Path(__file__).parents[3] / "benchmarks" / "expectations" / "specs.csv"

WRITTEN: list[tuple[str, str, str, float | None]] = [
    ("size", "6.26 inches, 96.2 cm 2 (~84.1% screen-to-body ratio)", "display_inches", 6.26),
    ("Display Size", '6.1"', "display_inches", 6.1),
    ("screen", "6,5 Zoll / 6,5 in", "display_inches", 6.5),
    ("size", "15.5 cm", "display_inches", 6.1),
    ("size", "96.2 cm2", "display_inches", None),
    ("屏幕", "6.1英寸", "display_inches", None),
    ("size", "6.1英寸", "display_inches", 6.1),
    ("battery-type", "Li-Po 4000 mAh, non-removable", "battery_mah", 4000),
    ("battery", "Li-Ion 5,000 mAh", "battery_mah", 5000),
    ("battery", "5.000 mAh", "battery_mah", 5000),
    ("battery", "4.35Ah", "battery_mah", 4350),
    ("battery", "5000毫安时", "battery_mah", 5000),
    ("battery-type", "Removable Li-Ion battery (BL-5C)", "battery_mah", None),
    ("weight", "182 g (6.42 oz)", "weight_g", 182),
    ("weight", "429 g (Wi-Fi)/ 434 g (LTE) (15.13 oz)", "weight_g", 429),
    ("weight", "95.7 (3.35 oz)", "weight_g", 95.7),
    ("weight", "0.41 lb", "weight_g", 186),
    ("weight", "6.42 oz", "weight_g", 182),
    ("weight", "0.5 kg", "weight_g", 500),
    ("weight", "-", "weight_g", None),
    ("weight", "5G ready", "weight_g", None),
    ("main-camera", "Quad~.~48 MP, f/1.4, 28mm (wide) 16 MP, f/2.2", "main_camera_mp", 48),
    ("main-camera", "Single~.~41 MP (38 MP effective), f/2.4", "main_camera_mp", 41),
    ("Rear Camera", "12.2 megapixels", "main_camera_mp", 12.2),
    ("camera", "4800万像素", "main_camera_mp", 48),
    ("main-camera", "Single~.~VGA, 180 deg. rotating lens", "main_camera_mp", 0.3),
    ("main-camera", "Single~.~CIF", "main_camera_mp", 0.1),
    ("main-camera", "Single~.~Yes", "main_camera_mp", None),
    ("internal", "128GB 6GB RAM, 256GB 8GB RAM", "ram_gb", 6),
    ("internal", "128GB 6GB RAM, 256GB 8GB RAM", "storage_gb", 128),
    ("memory", "8GB+256GB", "ram_gb", 8),
    ("memory", "8GB+256GB", "storage_gb", 256),
    ("internal", "4GB RAM, 65536MB ROM", "storage_gb", 64),
    ("dimensions", "161.9 x 76.4 x 8.8 mm (6.37 x 3.01 x 0.35 in)", "thickness_mm", 8.8),
    ("display-type", "Super AMOLED, 120Hz", "refresh_hz", 120),
    ("charging", "Fast charging 33W, reverse wireless 5W", "charging_w", 33),
    ("resolution", "1080 x 2400 pixels, 20:9 ratio (~409 ppi density)", "ppi", 409),
]


def read(frames: Frames, *sheets: dict[str, str]) -> list[Any]:
    """The parsed specs of each sheet."""
    items = frames.make(list(enumerate(sheets)), "place int, specs map<string,string>")
    return collect(add_specs(items.withColumn("specs", normalize_keys(F.col("specs")))), "place")


def test_every_way_of_writing_a_figure_is_read(frames: Frames) -> None:
    rows = read(frames, *({key: text} for key, text, _, _ in WRITTEN))
    for row, (key, text, name, value) in zip(rows, WRITTEN, strict=True):
        assert row[name] == (value if value is None else pytest.approx(value, abs=0.51 if "oz" in text or "lb" in text else 0.01)), (key, text)  # fmt: skip


def test_impossible_figures_are_no_figures(frames: Frames) -> None:
    (row,) = read(
        frames, {"size": "600 inches", "battery": "9 mAh", "weight": "90000 g", "camera": "9000 MP"}
    )
    assert not any(row[name] for name in ("display_inches", "battery_mah", "weight_g", "main_camera_mp"))


def test_an_empty_sheet_gives_no_figure_and_no_word(frames: Frames) -> None:
    for row in read(frames, {}, {"note": "call us"}):
        assert not any(row[name] for name in NUMERIC_SPECS)
        assert not row["color_tags"]
        assert not row["spec_tags"]


def test_words_become_categories_colours_and_tags(frames: Frames) -> None:
    (row,) = read(
        frames,
        {
            "os": "Android 12, upgradable to Android 13",
            "chipset": "Qualcomm SM8550 Snapdragon 8 Gen 2 (4 nm)",
            "technology": "GSM / HSPA / LTE / 5G",
            "display-type": "LTPO AMOLED, 1B colors, 120Hz",
            "sim": "Hybrid Dual SIM (Nano-SIM, dual stand-by)",
            "build": "Glass front (Gorilla Glass 5), glass back, aluminum frame",
            "colors": "Starry Black, Wine red",
            "battery-type": "Li-Po 5000 mAh, non-removable",
        },
    )
    categories = [row[name] for name in ("os", "chipset", "network", "display_type", "sim", "build")]
    assert categories == ["Android", "Snapdragon", "5G", "AMOLED", "dual", "glass"]
    assert row["color_tags"] == ["black", "red"]
    assert {"5g", "big-battery", "dual-sim", "high-refresh", "oled"} <= set(row["spec_tags"])


def test_the_hand_read_sample_is_two_hundred_phones_with_possible_figures() -> None:
    with EXPECTED.open(newline="") as file:
        rows: list[dict[str, Any]] = list(csv.DictReader(file))
    assert len({row["page"] for row in rows}) == len(rows) == 200
    figures = [value for row in rows for name, value in row.items() if name != "page" and value]
    assert len(figures) > 600
    assert all(re.fullmatch(r"\d+(\.\d+)?", value) for value in figures)
