"""Keeps one row of each key: the first in an order."""

from __future__ import annotations

from collections.abc import Sequence

from handpick.runtime.dataframes import Column, DataFrame, F, Window


def keep_first_row(rows: DataFrame, key: Sequence[str], *order: Column) -> DataFrame:
    """Keep the first row of each key in an order, with the same columns.

    Args:
        rows: The rows.
        key: Names of the columns by which rows are told apart.
        order: Columns that decide which one is first, together unique within a key.
    """
    place = F.row_number().over(Window.partitionBy(*key).orderBy(*order))
    return rows.withColumn("_place", place).where("_place = 1").drop("_place")
