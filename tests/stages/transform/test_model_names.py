"""Variants of one model share its key; different models, however alike their titles, never do."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

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

NAMES = (
    ("Samsung", "Galaxy A14"), ("Samsung", "Galaxy S21"), ("Apple", "iPhone 13"), ("Apple", "iPad Air"),
    ("Nothing", "Phone"), ("Xiaomi", "Redmi Note 12"), ("OnePlus", "Nord CE"), ("Oppo", "Reno 8"),
    ("vivo", "X90"), ("Motorola", "Moto G"), ("Honor", "Magic5"), ("Sony", "Xperia 5"), ("Nokia", "105"),
)  # fmt: skip
SUFFIXES = (
    "", "+", " Pro", " Pro Max", " Pro+", " Lite", " FE", "T", " T", " 5G", " 4G", " Ultra", " (2020)", " (2022)",
    " II", " III", " IV", " V", " mini", "s", " (1)", " (2)", " (2a)", " Neo", " Max", " SE", " Pro 5G", " Lite 5G",
    " Play", " Edge", " Fold", " Prime", " XL", " Youth Edition", " (3rd Gen)",
)  # fmt: skip
"""Names of models and what follows them: each combination is another model."""
COLORS = (
    "Black", "Midnight Blue", "Phantom Silver", "Rose Gold", "Natural Titanium", "Awesome Violet", "schwarz",
    "azul", "(PRODUCT) RED", "Off White", "Peach", "Aqua Blue",
)  # fmt: skip
MEMORIES = ("64GB", "128 GB", "1TB", "512 Go", "128 ГБ", "8GB/128GB", "8GB RAM 128GB", "12GB + 512GB")
CONDITIONS = (
    "", "(Renewed)", "- Unlocked", "Dual SIM", "Refurbished", "(AT&T)", "SIM Free", "Global Version", "EU",
    "US Version", "- India", "Used", "Like New", "Open Box", "(Grade A)", "UK",
)  # fmt: skip
FORMS = (
    "{0} {m} {c}", "{0} ({c}, {m})", "{0}, {m}, {c}", "{0} - {m} - {c}", "{0} {m}", "{0} {c} {m}", "{0} {c}", "{0}",
)  # fmt: skip


@st.composite
def dressed_model(draw: st.DrawFn) -> tuple[str, str, str]:
    """Draw a brand, a model's name, and a title of one of its variants."""
    brand, name = draw(st.sampled_from(NAMES))
    name += draw(st.sampled_from(SUFFIXES))
    told = draw(st.sampled_from(FORMS)).format(
        draw(st.sampled_from(("", f"{brand} "))) + name,
        m=draw(st.sampled_from(MEMORIES)),
        c=draw(st.sampled_from(COLORS)),
    )
    return brand, name, f"{told} {draw(st.sampled_from(CONDITIONS))}".strip()


@given(dressed_model(), dressed_model())
def test_titles_share_a_key_if_and_only_if_they_are_of_one_model(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    keys = [read_model_name(title, brand).key for brand, _, title in (one, other)]
    assert (keys[0] == keys[1]) == (one[:2] == other[:2])
    bare = read_model_name(one[1], one[0]).key
    assert keys[0] == bare, "a variant has the key of the bare name"


def test_memory_that_may_belong_to_the_name_is_never_taken_for_another_model() -> None:
    keys = [
        read_model_name(title, "Oppo").key for title in ("Reno 8+64GB", "Reno 8+ 64GB", "Reno 64GB", "Reno 8")
    ]
    assert len(set(keys)) == 4


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
