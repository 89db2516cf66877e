"""The column of models is found where it names what variants share, and no other column is taken for it."""

from __future__ import annotations

import pyarrow as pa
import pytest

from handpick.stages.land.model_column import find_model_column

TITLES = ["Orbis Mix 64GB Black", "Orbis Mix 128GB Blue", "Orbis Mix Pro 128GB", "Orbis Mix Pro 256GB"]
MAPPED = {"title": "name", "brand": "maker"}


def find(column: str, values: list[str | None], titles: list[str] = TITLES) -> tuple[str | None, str]:
    """Find the model among name, maker and one more column."""
    rows = pa.table({"name": titles, "maker": ["Orbis"] * len(titles), column: pa.array(values, pa.string())})
    return find_model_column(rows, MAPPED)


@pytest.mark.parametrize("name", ["parent_id", "parentAsin", "item_group_id", "Model", "namespaceId"])
def test_the_shops_column_of_models_is_found(name: str) -> None:
    assert find(name, ["m1", "m1", "m2", "m2"]) == (name, "")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("colour", ["m1", "m1", "m2", "m2"]),
        ("model", ["Mix 64GB", "Mix 128GB", "Mix 128GB", "Mix 256GB"]),
        ("model", ["a", "b", "c", "d"]),
        ("parent_id", ["m1", "m1", "m1", "m1"]),
        ("parent_id", ["m1", None, None, None]),
    ],
)
def test_a_column_that_does_not_join_variants_is_not_taken(name: str, values: list[str | None]) -> None:
    assert find(name, values) == (None, "")


def test_a_column_that_joins_different_phones_is_a_question() -> None:
    titles = ["Orbis Mix 64GB", "Nuvo Aria 12", "Orbis Kite", "Nuvo Sol 5"]
    found, doubt = find("group_id", ["g1", "g1", "g2", "g2"], titles)
    assert found is None and "'Orbis Mix 64GB', 'Nuvo Aria 12'" in doubt
