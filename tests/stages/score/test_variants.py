"""The other variants of a listed phone are named, by what tells them apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from handpick.lake.partitions import write_parquet
from handpick.night import Night
from handpick.settings.load import Settings
from handpick.stages.score.item_metadata import read_scoring_data
from handpick.stages.score.variants import MAX_NAMED, VariantNamer, name_variants

from .conftest import ITEMS, TODAY, MakeShop

TITLES = {
    0: "Orbis Mix 128GB Black",
    1: "Orbis Mix 256GB Blue",
    2: "Orbis Mix 64GB Black",
    3: "Orbis Mix 512GB Red",
}
"""Variants of one model; all other phones are alone."""


def make_namer(make_shop: MakeShop, titles: dict[int, str], barred: tuple[int, ...] = ()) -> VariantNamer:
    """A namer of variants of one model, some of which may not be shown in the first country."""
    groups, names = np.full(ITEMS, "", "U10"), np.array([f"Phone {n}" for n in range(ITEMS)], dtype="U40")
    storage = np.full(ITEMS, np.nan)
    for item, title in titles.items():
        groups[item], names[item] = "mix", title
        storage[item] = next((float(word[:-2]) for word in title.split() if word.endswith("GB")), np.nan)
    shop = make_shop(variant_group=groups, title=names)
    shop.numeric_specs["storage_gb"] = storage
    allowed = np.ones((3, ITEMS), bool)
    allowed[0, list(barred)] = False
    return VariantNamer(shop, allowed)


def test_a_row_names_the_other_variants_smallest_memory_first(make_shop: MakeShop) -> None:
    namer = make_namer(make_shop, TITLES)
    assert namer.name_others(0, 1) == "64GB Black | 256GB Blue | 512GB Red"
    assert namer.name_others(3, None) == "64GB Black | 128GB Black | 256GB Blue"
    assert namer.name_others(4, 1) is None


def test_only_variants_that_can_be_bought_in_the_country_are_named(make_shop: MakeShop) -> None:
    namer = make_namer(make_shop, TITLES, barred=(1, 2))
    assert namer.name_others(0, 0) == "512GB Red" == namer.name_others(0, None)
    assert namer.name_others(0, 1) == "64GB Black | 256GB Blue | 512GB Red"


def test_many_variants_are_counted(make_shop: MakeShop) -> None:
    titles = {item: f"Orbis Mix {2**item}GB" for item in range(MAX_NAMED + 4)}
    told = make_namer(make_shop, titles).name_others(0, 1)
    assert told is not None and told.endswith(" | +3") and told.count(" | ") == MAX_NAMED


@pytest.mark.parametrize(
    ("titles", "names"),
    [
        (["Orbis 12x (Green, 128 GB)", "Orbis 12x (Purple, 256 GB)"], ["Green, 128 GB", "Purple, 256 GB"]),
        (["Orbis Mix", "Orbis Mix 64GB"], ["8 GB RAM", "64GB"]),
        (["Orbis Mix Black (Renewed)", "Orbis Mix Blue (Renewed)"], ["Black", "Blue"]),
        (["Orbis Mix", "Orbis Mix"], ["8 GB RAM", "Orbis Mix"]),
    ],
)
def test_a_variant_is_named_by_its_own_words(titles: list[str], names: list[str]) -> None:
    assert name_variants(titles, ["8 GB RAM", ""]) == names


@pytest.mark.parametrize("is_on", [True, False])
def test_models_are_grouped_unless_the_setting_says_otherwise(
    make_shop: MakeShop, tmp_path: Path, is_on: bool
) -> None:
    data = make_shop().data
    night = Night(Settings(home=tmp_path, rules={"one_per_model": is_on}), TODAY)
    ids = data.catalogue.item_ids.tolist()
    with night.lake.replace_partition("marts/dim_item", TODAY) as folder:
        write_parquet(
            pa.table({"item_id": ids, "variant_group_id": ["g"] * len(ids)}), folder / "part-00000.parquet"
        )
    assert len(set(read_scoring_data(night, data).model.tolist())) == (1 if is_on else ITEMS)
