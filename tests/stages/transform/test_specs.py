"""Specs are read from sheets in many notations and languages; what a sheet does not state stays unknown."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handpick.stages.transform.specs import NUMERIC_SPECS, load_sheet, read_specs
from handpick.stages.transform.specs.keys import normalize_key, read_key

EXPECTED = Path(__file__).parents[3] / "benchmarks" / "expectations" / "specs.csv"

WRITTEN: list[tuple[str, str, str, float | None]] = [
    ("size", "6.26 inches, 96.2 cm 2 (~84.1% screen-to-body ratio)", "display_inches", 6.26),
    ("Display Size", '6.1"', "display_inches", 6.1),
    ("screen", "6,5 Zoll / 6,5 in", "display_inches", 6.5),
    ("size", "15.5 cm", "display_inches", 6.1),
    ("size", "96.2 cm2", "display_inches", None),
    ("屏幕", "6.1英寸", "display_inches", 6.1),
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
    ("battery-type", "Li-Ion 1700 mAhbattery", "battery_mah", 1700),
    ("main-camera", "Single~.~SVGA", "main_camera_mp", 0.5),
    ("ram", "4/6 GB", "ram_gb", 4),
    ("storage", "16/32 GB", "storage_gb", 16),
    ("internal", "16 GB", "ram_gb", None),
    ("battery", "BP-4W", "charging_w", None),
    ("resolution", "34 x 44 mm", "ppi", None),
    # Bare numbers under keys that leave no doubt, with the unit of the key or the usual one.
    ("battery", "5000", "battery_mah", 5000),
    ("display_size", "6.74", "display_inches", 6.74),
    ("ram", "6", "ram_gb", 6),
    ("RAM (MB)", "12000", "ram_gb", 12),
    ("RAM (MB)", "512", "ram_gb", 0.5),
    ("Internal storage (GB)", "64", "storage_gb", 64),
    ("weight_g", "181", "weight_g", 181),
    ("Weight (oz)", "6.42", "weight_g", 182),
    ("Rear camera", "48", "main_camera_mp", 48),
    ("Battery capacity (Ah)", "4.5", "battery_mah", 4500),
    ("number of cameras", "3", "main_camera_mp", None),
    ("battery rating", "5000", "battery_mah", None),
    # Other languages.
    ("Akkukapazität", "5.000 mAh", "battery_mah", 5000),
    ("Displaygröße", "6,5 Zoll", "display_inches", 6.5),
    ("pantalla", "Dynamic AMOLED 2X de 6.8 pulgadas, 120 Hz", "display_inches", 6.8),
    ("pantalla", "Dynamic AMOLED 2X de 6.8 pulgadas, 120 Hz", "refresh_hz", 120),
    ("memoria_ram", " 12 GB", "ram_gb", 12),
    ("Mémoire vive", "8 Go", "ram_gb", 8),
    ("Stockage", "128 Go", "storage_gb", 128),
    ("Memoria interna", "256 GB", "storage_gb", 256),
    ("Емкость аккумулятора", "5000 мА·ч", "battery_mah", 5000),
    ("Диагональ экрана", "6.67 дюйма", "display_inches", 6.67),
    ("Оперативная память", "8 ГБ", "ram_gb", 8),
    ("Вес", "190 г", "weight_g", 190),
    ("电池容量", "5000毫安时", "battery_mah", 5000),
    ("后置摄像头", "50百万像素", "main_camera_mp", 50),
    ("后置摄像头", "2亿像素", "main_camera_mp", 200),
    ("运行内存", "12GB", "ram_gb", 12),
    ("机身存储", "512GB", "storage_gb", 512),
    ("Przekątna ekranu", "6,7 cala", "display_inches", None),
    ("Przekątna ekranu", "6,7 cali", "display_inches", 6.7),
    ("Pil Gücü", "5000 mAh", "battery_mah", 5000),
    ("Ağırlık", "187 gr", "weight_g", 187),
    ("बैटरी", "५००० mAh", "battery_mah", 5000),
    ("Câmera traseira", "108 MP", "main_camera_mp", 108),
    ("Fotocamera frontale", "32 Mpx", "selfie_camera_mp", 32),
]

TEXTS: list[tuple[str, dict[str, float | None]]] = [
    (
        "8 GB RAM | 128 GB ROM | Expandable Upto 1 TB16.51 cm (6.5 inch) Full HD+ Display50MP (OIS) + 8MP | 16MP "
        "Front Camera6000 mAh BatteryDimensity 7025 Processor1 Year on Handset",
        {"ram_gb": 8, "storage_gb": 128, "display_inches": 6.5, "main_camera_mp": 50, "selfie_camera_mp": 16,
         "battery_mah": 6000},
    ),
    ("Samsung Galaxy S10e 128GB+6GB RAM SM-G970 Dual Sim 5.8\" LTE",
     {"ram_gb": 6, "storage_gb": 128, "display_inches": 5.8}),
    ("Samsung Galaxy Note 9 SM-N960F/DS 512GB/8GB (Metallic Copper) 6.4\" QHD+", {"ram_gb": 8, "storage_gb": 512}),
    ("华为MatePad Pro 12.6寸 8GB/256GB", {"ram_gb": 8, "storage_gb": 256, "display_inches": 12.6}),
    ("Apple iPhone 16 Pro Max 128GB", {"storage_gb": 128, "ram_gb": None}),
    ("Smartphone mit 6,5-Zoll-Display, 5.000-mAh-Akku, 8 GB RAM und 128 GB Speicher, Gewicht: 190 g",
     {"display_inches": 6.5, "battery_mah": 5000, "ram_gb": 8, "storage_gb": 128, "weight_g": 190}),
    ("Ein Telefon für alle, wiegt nichts und lädt in 30 Minuten.", dict.fromkeys(NUMERIC_SPECS)),
]  # fmt: skip


@pytest.mark.parametrize(("key", "text", "name", "value"), WRITTEN)
def test_every_way_of_writing_a_figure_is_read(key: str, text: str, name: str, value: float | None) -> None:
    tolerance = 0.51 if {"oz", "lb"} & set(re.findall(r"[a-z]+", f"{key} {text}".lower())) else 0.01
    assert read_specs({key: text})[name] == (value if value is None else pytest.approx(value, abs=tolerance))


@pytest.mark.parametrize(("text", "expected"), TEXTS)
@pytest.mark.parametrize("place", ["title", "description", "specs"])
def test_running_text_states_specs_wherever_it_is(
    text: str, expected: dict[str, float | None], place: str
) -> None:
    found = (
        read_specs({"specs": text})
        if place == "specs"
        else read_specs(
            {}, title=text if place == "title" else "", description=text if place == "description" else ""
        )
    )
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("memory", "ram", "storage"),
    [
        ("8192 MB", 8, None),
        ("12 GB", 12, None),
        ("64 GB", None, 64),
        ("8 GB", None, 8),
        ("512 MB", None, 0.5),
    ],
)
def test_memory_alone_is_ram_where_no_storage_is_stated_so(
    memory: str, ram: float | None, storage: float | None
) -> None:
    found = read_specs({"memory": memory})
    assert (found["ram_gb"], found["storage_gb"]) == (ram, storage)


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ('nuvo a3 6.71" 3 gb - 64 gb midnight black', {"storage_gb": 64, "display_inches": 6.71}),
        ("nuvo note 13 - 8go - 128go - noir", {"ram_gb": 8, "storage_gb": 128}),
        ("nuvo note 13 5g - 12go - 512go - 200mp", {"ram_gb": 12, "storage_gb": 512, "main_camera_mp": 200}),
        ("nuvo a78 8gb 256gb", {"ram_gb": 8, "storage_gb": 256}),
        ("NUVO GO 2024 / 2 GO / 64 GO / BLANC", {"ram_gb": 2, "storage_gb": 64}),
        ("NUVO 503 (3GB+3GB/64GB) BLUE", {"ram_gb": 3, "storage_gb": 64}),
        ("Système: Android 12 go - Mémoire RAM: 4 Go - Stockage: 32 Go", {"ram_gb": 4, "storage_gb": 32}),
        (
            "Caméra arrière principale: 8 MP - Caméra frontale: 5 MP",
            {"main_camera_mp": 8, "selfie_camera_mp": 5},
        ),
    ],
)
def test_a_text_of_parts_between_dashes_is_read(text: str, stated: dict[str, float]) -> None:
    found = read_specs({}, text)
    assert {name: found[name] for name in stated} == stated


@pytest.mark.parametrize("title", ["Apple iPhone 7, 128GB, Gold", "iPhone 8/128GB", "Nuvo Aria 3, 128GB"])
def test_a_number_of_the_name_is_no_ram(title: str) -> None:
    found = read_specs({}, title)
    assert (found["ram_gb"], found["storage_gb"]) == (None, 128)


def test_the_title_says_which_of_the_sheets_storages_a_variant_has() -> None:
    sheet = {"storage": "64GB, 128GB, 256GB"}
    assert read_specs(sheet, "iPhone 11 128GB")["storage_gb"] == 128
    assert read_specs(sheet, "iPhone 11")["storage_gb"] == 64
    assert read_specs({"storage": "64GB"}, "iPhone 11 with 128GB card")["storage_gb"] == 64


def test_an_owners_key_is_tried_alone() -> None:
    sheet = {"Ausdauer": "4800", "battery": "5000 mAh"}
    assert read_specs(sheet)["battery_mah"] == 5000
    assert read_specs(sheet, keys={"battery_mah": ("Ausdauer",)})["battery_mah"] == 4800


def test_sheets_may_be_nested_lists_of_pairs_or_plain_text() -> None:
    nested = {"Display": {"Size": "6.1 inch"}, "Battery": {"Capacity": "3,500 mAh"}}
    pairs = {
        "attributes": [{"name": "Display", "value": "6.1 inch"}, {"name": "Battery", "value": "3500 mAh"}]
    }
    plain = "Display: 6.1 inch; Battery: 3500 mAh"
    for specs in (json.dumps(nested), json.dumps(pairs), plain, json.dumps(plain)):
        found = read_specs(load_sheet(specs))
        assert (found["display_inches"], found["battery_mah"]) == (6.1, 3500), specs


def test_impossible_figures_are_no_figures() -> None:
    sheet = {"size": "600 inches", "battery": "9 mAh", "weight": "90000 g", "camera": "9000 MP"}
    found = read_specs(sheet)
    assert not any(found[name] for name in ("display_inches", "battery_mah", "weight_g", "main_camera_mp"))


def test_an_empty_sheet_gives_no_figure_and_no_word() -> None:
    for sheet in ({}, {"note": "call us"}, {"battery": "N/A", "ram": "-"}):
        found = read_specs(sheet)
        assert not any(found[name] for name in NUMERIC_SPECS)
        assert not found["color_tags"]
        assert not found["spec_tags"]


def test_words_become_categories_colours_and_tags() -> None:
    found = read_specs(
        {
            "os": "Android 12, upgradable to Android 13",
            "chipset": "Qualcomm SM8550 Snapdragon 8 Gen 2 (4 nm)",
            "technology": "GSM / HSPA / LTE / 5G",
            "display-type": "LTPO AMOLED, 1B colors, 120Hz",
            "sim": "Hybrid Dual SIM (Nano-SIM, dual stand-by)",
            "build": "Glass front (Gorilla Glass 5), glass back, aluminum frame",
            "colors": "Starry Black, Wine red",
            "battery-type": "Li-Po 5000 mAh, non-removable",
        }
    )
    categories = [found[name] for name in ("os", "chipset", "network", "display_type", "sim", "build")]
    assert categories == ["Android", "Snapdragon", "5G", "AMOLED", "dual", "glass"]
    assert found["color_tags"] == ["black", "red"]
    assert {"5g", "big-battery", "dual-sim", "high-refresh", "oled"} <= set(found["spec_tags"])


@pytest.mark.parametrize(
    ("text", "chipset"),
    [
        ("A17 Bionic", "Apple"), ("A17 Pro", "Apple"), ("Chip A18 Bionic", "Apple"), ("Apple M1", "Apple"),
        ("Unisoc T612", "Unisoc"), ("骁龙8 Gen 3", "Snapdragon"), ("Octa-core 2.4 GHz", None), ("8", None),
        ("Octa-core (4x2.0 GHz Cortex-A78)", None), ("XRING O1", "other"),
    ],
)  # fmt: skip
def test_a_chipset_is_a_makers_name_and_no_clock_rate(text: str, chipset: str | None) -> None:
    assert read_specs({"Processor": text})["chipset"] == chipset


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=60), max_size=4), st.text(max_size=60))
def test_no_text_breaks_the_reader(sheet: dict[str, str], title: str) -> None:
    found = read_specs(sheet, title, title)
    assert set(NUMERIC_SPECS) < set(found)
    assert read_specs(sheet, title, title) == found


@given(st.text(max_size=30))
def test_a_key_is_normalized_once(key: str) -> None:
    assert normalize_key(normalize_key(key)) == normalize_key(key)


def test_keys_say_their_unit_and_what_they_are_not_about() -> None:
    assert read_key("Battery capacity (mAh)").unit == "mAh"
    assert read_key("display_in_inches").unit == "inch"
    assert "camera" not in read_key("Front camera").topics
    assert "display" not in read_key("screen-to-body ratio").topics
    assert "memory" not in read_key("Memory card slot").topics


def test_the_hand_read_sample_is_two_hundred_phones_with_possible_figures() -> None:
    with EXPECTED.open(newline="") as file:
        rows: list[dict[str, Any]] = list(csv.DictReader(file))
    assert len({row["page"] for row in rows}) == len(rows) == 200
    figures = [value for row in rows for name, value in row.items() if name != "page" and value]
    assert len(figures) > 600
    assert all(re.fullmatch(r"\d+(\.\d+)?", value) for value in figures)
