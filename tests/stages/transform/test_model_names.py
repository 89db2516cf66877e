"""Variants of one model share its key; different models, however alike their titles, never do."""

from __future__ import annotations

from itertools import combinations

import pytest

from handpick.stages.transform.model_names import read_model_name

DIFFERENT_MODELS = [
    ("Apple", ("Apple iPhone SE (2020)", "Apple iPhone SE (2022)", "Apple iPhone SE")),
    ("Nothing", ("Nothing Phone (1)", "Nothing Phone (2)", "Nothing Phone (2a)", "Nothing Phone 3")),
    ("Samsung", ("Samsung Galaxy A14", "Samsung Galaxy A14 5G", "Samsung Galaxy A13", "Galaxy A14s")),
    ("Xiaomi", ("Xiaomi Redmi 10", "Xiaomi Redmi 10 5G", "Xiaomi Redmi 10C", "Xiaomi Redmi Note 10")),
    ("Samsung", ("Galaxy S24 128GB", "Galaxy S24+ 128GB", "Galaxy S24 Ultra 128GB", "Galaxy S24 FE")),
    ("Apple", ("iPhone 15", "iPhone 15 Pro", "iPhone 15 Pro Max", "iPhone 15 Plus", "iPhone 16")),
    (
        "Apple",
        (
            "iPad Pro 11 (2021) 128GB",
            "iPad Pro 11 (2022) 128GB",
            "iPad Mini (5th Gen)",
            "iPad Mini (6th Gen)",
        ),
    ),
    ("Motorola", ("Moto G (2022)", "Moto G (2023)", "Moto G Stylus 5G (2022)", "Moto G Stylus 5G (2023)")),
    ("OnePlus", ("OnePlus Nord", "OnePlus Nord 2", "OnePlus Nord CE", "OnePlus Nord CE 2 Lite 5G")),
    ("Sony", ("Sony Xperia 1 IV", "Sony Xperia 1 V", "Sony Xperia 5 IV", "Sony Xperia X")),
    ("Motorola", ("Moto G XT1032", "Moto G XT1068")),
    ("Huawei", ("Huawei P20", "Huawei P20 Pro", "Huawei P20 Lite")),
]
"""Brand, and titles of which no two are one model."""

ONE_MODEL = [
    (
        "Apple",
        (
            "Apple iPhone 11 128GB Black",
            "Apple iPhone 11 64GB White",
            "iPhone 11",
            "Apple iPhone 11, 256GB, Red - Unlocked",
        ),
    ),
    ("realme", ("realme 12x 5G (Woodland Green, 128 GB)", "realme 12x 5G (Twilight Purple, 256 GB)")),
    (
        "Samsung",
        (
            "Samsung Galaxy S8+ 64GB T-Mobile",
            "Samsung Galaxy S8 Plus (S8+) (SM-G955FD) 4GB RAM",
            "Samsung Galaxy S8+ Plus 64GB GSM Unlocked (Renewed) (Orchid Gray)",
        ),
    ),
    (
        "Samsung",
        (
            "Samsung Galaxy Note 5 N920T 32GB - White",
            "Samsung Galaxy Note 5 SM-N920V 32GB White Smartphone",
            "Samsung Galaxy Note5 64GB",
        ),
    ),
    (
        "Nuvo",
        (
            "Nuvo Aria 12 128GB Black",
            "Nuvo Aria 12 256GB, Blue",
            "Nuvo Aria 12 (8GB/256 GB, Dual SIM)",
            "Nuvo Aria 12 Starry Black",
        ),
    ),
    ("苹果", ("苹果iPhone 15 Pro Max 1TB 黑色", "苹果iPhone 15 Pro Max 256GB 蓝色")),
    ("Samsung", ("Samsung Galaxy J3 2018 (16GB) J337A", "Samsung Galaxy J3 (2018) J337A 16GB Unlocked")),
]
"""Brand, and titles of variants of one model."""


@pytest.mark.parametrize(("brand", "titles"), DIFFERENT_MODELS)
def test_different_models_never_share_a_key(brand: str, titles: tuple[str, ...]) -> None:
    dressed = (
        "{}",
        "{} 128GB",
        "{} (Black, 8GB/128GB)",
        "{} 256 GB Midnight Blue",
        "{} - Unlocked (Renewed)",
    )
    for one, other in combinations(titles, 2):
        keys = [
            {read_model_name(form.format(title), brand).key for form in dressed} for title in (one, other)
        ]
        assert not keys[0] & keys[1], (one, other)


@pytest.mark.parametrize(("brand", "titles"), ONE_MODEL)
def test_variants_of_a_model_share_a_key(brand: str, titles: tuple[str, ...]) -> None:
    assert len({read_model_name(title, brand).key for title in titles}) == 1


def test_a_colour_that_the_sheet_states_is_no_part_of_the_name() -> None:
    assert read_model_name("Orbis Mix Pastel Fog", "Orbis", "pastelfog").key == "orbis-mix"
    assert read_model_name("Orbis Mix Pastel Fog", "Orbis").key == "orbis-mix-pastel-fog"


def test_a_name_of_nothing_but_variant_words_is_kept() -> None:
    for title in ("128GB", "Black", "(Renewed)", "Unlocked", "Orbis"):
        assert read_model_name(title, "Orbis").line
