"""Phone metadata for rules and explanations, aligned with the rows of the models' dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy import sparse

from handpick.night import Night
from handpick.stages.score.sheet_facts import SheetFacts, read_sheet
from models.dataset import DAY_SECONDS, EVENT_TYPES, BoolArray, Dataset, IntArray, StringArray

COMPARED_NUMBERS = (
    "display_inches",
    "battery_mah",
    "weight_g",
    "main_camera_mp",
    "selfie_camera_mp",
    "ram_gb",
    "storage_gb",
    "thickness_mm",
    "refresh_hz",
    "charging_w",
)
"""Numeric specifications, by their columns of `marts/dim_item`."""
COMPARED_CATEGORIES = ("os", "chipset", "network", "display_type")
"""Categorical specifications, by their columns of `marts/dim_item`."""
PURCHASE, RETURN = EVENT_TYPES.index("purchase"), EVENT_TYPES.index("return")


@dataclass(frozen=True)
class ScoringData:
    """One night's dataset and the metadata of its phones.

    Args:
        data: Catalogue, users and events, as the models see them.
        day: The logical date.
        title: `(items,) str`, the item id where unknown.
        model_line: `(items,) str`, empty where unknown.
        variant_group: `(items,) str`, the same for all colours and memory sizes of a phone; empty where
            unknown.
        generation: `(items,) float`, NaN where unknown.
        numeric_specs: Numeric specifications by name, `(items,) float`, NaN where unknown.
        categorical_specs: Categorical specifications by name, `(items,) str`, empty where unknown.
        tags: Free tags and colours of each phone.
        sheets: Facts that only the text of each phone's sheet states; empty where sheets were not read.
    """

    data: Dataset
    day: date
    title: StringArray
    model_line: StringArray
    variant_group: StringArray
    generation: NDArray[np.float64]
    numeric_specs: dict[str, NDArray[np.float64]]
    categorical_specs: dict[str, StringArray]
    tags: tuple[frozenset[str], ...]
    sheets: tuple[SheetFacts, ...] = ()

    @cached_property
    def model(self) -> IntArray:
        """`(items,)` code of each phone's model, which its variants share; an unknown model is its own."""
        names = np.where(self.variant_group == "", self.data.catalogue.item_ids, self.variant_group)
        return np.unique(names, return_inverse=True)[1].astype(np.int64)

    @cached_property
    def days_since_release(self) -> NDArray[np.int64]:
        """`(items,)` days since each phone's release, negative before it."""
        # The dataset ends with the logical date: its last second decides which day it is.
        return (self.data.as_of - 1 - self.data.catalogue.released_at) // DAY_SECONDS

    @cached_property
    def countries(self) -> tuple[list[str], IntArray]:
        """The users' countries, sorted, and each user's index into them."""
        names, codes = np.unique(self.data.users.country, return_inverse=True)
        return [str(name) for name in names], codes.astype(np.int64)

    def find_event_pairs(self, *event_types: int) -> sparse.csr_matrix:
        """Return `(users, items)` with an entry where a user has such an event on a phone."""
        events = self.data.interactions
        keep = np.isin(events.event_type, event_types)
        return build_pair_matrix(self, events.user[keep], events.item[keep])

    @cached_property
    def owned(self) -> sparse.csr_matrix:
        """`(users, items)` with an entry where a user owns a phone by their account, or bought it."""
        users = np.flatnonzero(self.data.users.owned_item >= 0)
        return (
            build_pair_matrix(self, users, self.data.users.owned_item[users])
            + self.find_event_pairs(PURCHASE)
        ).tocsr()


def build_pair_matrix(shop: ScoringData, users: IntArray, items: IntArray) -> sparse.csr_matrix:
    """Build `(users, items)` with an entry at each of the pairs."""
    shape = (len(shop.data.users), len(shop.data.catalogue))
    matrix = sparse.csr_matrix((np.ones(len(users), np.int32), (users, items)), shape=shape)
    matrix.sum_duplicates()
    return matrix


def read_scoring_data(night: Night, data: Dataset) -> ScoringData:
    """Read the phones' metadata from `marts/dim_item`, in the order of the dataset's catalogue."""
    table = night.lake.read("marts/dim_item", night.logical_date)
    rows = pc.index_in(
        pa.array(data.catalogue.item_ids.tolist(), pa.string()), table["item_id"].cast(pa.string())
    )
    # A phone that the table lacks has a null index, which becomes a row of nulls.
    table = table.take(rows)

    def text(name: str) -> StringArray:
        return np.array(_list_values(table, name, ""), dtype=str)

    def number(name: str) -> NDArray[np.float64]:
        return np.array(_list_values(table, name, np.nan), dtype=np.float64)

    lists: list[Sequence[Sequence[str]]] = [
        _list_values(table, name, ()) for name in ("color_tags", "spec_tags")
    ]
    return ScoringData(
        data=data,
        day=night.logical_date,
        title=np.where(text("title") == "", data.catalogue.item_ids, text("title")),
        model_line=text("model_line"),
        # Without groups each phone is a model of its own, for all rules and lists.
        variant_group=text("variant_group_id")
        if night.settings.rules.one_per_model
        else np.full(len(table), "", dtype="U1"),
        generation=number("generation"),
        numeric_specs={name: number(name) for name in COMPARED_NUMBERS},
        categorical_specs={name: text(name) for name in COMPARED_CATEGORIES},
        tags=tuple(
            frozenset(word for words in tagged for word in words) for tagged in zip(*lists, strict=True)
        ),
        sheets=tuple(read_sheet(str(sheet)) for sheet in _list_values(table, "specs_raw", "")),
    )


def _list_values(table: pa.Table, name: str, missing: Any) -> list[Any]:
    """Return a column as a list, with a value for missing ones; an absent column is all missing."""
    if name not in table.column_names:
        return [missing] * len(table)
    return [missing if value is None else value for value in table[name].to_pylist()]


def encode_one_hot(codes: IntArray, count: int) -> NDArray[np.float32]:
    """Return `(n, count) float32` with a one at each row's code."""
    matrix = np.zeros((len(codes), count), np.float32)
    matrix[np.arange(len(codes)), codes] = 1
    return matrix


def match_any(values: StringArray, wanted: Sequence[str]) -> BoolArray:
    """Find the values that are among the wanted ones: `(n,)`."""
    return np.isin(values, np.array(list(wanted), dtype=str)) if wanted else np.zeros(len(values), bool)
