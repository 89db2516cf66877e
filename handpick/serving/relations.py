"""The served relations, declared once; DDL, COPY, checks, views and documentation are derived from them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """One column of a served relation.

    Args:
        name: Its name in the lake and in the view.
        sql_type: PostgreSQL type: `text`, `smallint`, `real`, `double precision`, `boolean` or `date`.
        description: One sentence.
        is_nullable: Whether it may be null.
    """

    name: str
    sql_type: str
    description: str
    is_nullable: bool = False


@dataclass(frozen=True)
class Relation:
    """A view for consumers over a table that is partitioned by list version.

    Args:
        name: Name of the view; the partitioned table is `<name>_all`, a partition `<name>_v<version>`.
        lake_table: The lake's table that it is loaded from.
        columns: Its columns, in the order of the table.
        key: Columns that identify a row; rows are loaded in their order.
        description: What one row is.
    """

    name: str
    lake_table: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    description: str

    @property
    def column_names(self) -> list[str]:
        """The columns' names, in the order of the table."""
        return [column.name for column in self.columns]

    @property
    def partitioned_table(self) -> str:
        """Name of the partitioned table."""
        return f"{self.name}_all"

    def version_table(self, version: int) -> str:
        """Return the name of one version's table."""
        return f"{self.name}_v{version}"


RECOMMENDATIONS = Relation(
    name="recommendations",
    lake_table="lists/recommendations",
    description="One row is one phone on one user's list.",
    key=("user_id", "rank"),
    columns=(
        Column("user_id", "text", "Whose list."),
        Column("rank", "smallint", "Place on the list, from 1 without gaps."),
        Column("item_id", "text", "The phone."),
        Column("score", "real", "The model's score; comparable within one list only."),
        Column("source", "text", "Which models or rules put it there, joined by +."),
        Column("reason", "text", "Why, in the user's language."),
        Column("reason_code", "text", "Why, for programs."),
        Column("relaxed_rules", "text", "Rules set aside for this row, joined by +; null for none.", True),
        Column("propensity", "real", "Probability with which this phone was given this place.", True),
    ),
)
SIMILAR_ITEMS = Relation(
    name="similar_items",
    lake_table="lists/similar_items",
    description="One row is one phone like another phone.",
    key=("item_id", "rank"),
    columns=(
        Column("item_id", "text", "The phone looked at."),
        Column("rank", "smallint", "Place on its list, from 1 without gaps."),
        Column("similar_item_id", "text", "A phone like it."),
        Column("score", "real", "Cosine of the two phones' vectors."),
        Column("reason", "text", "What they have in common."),
    ),
)
POPULAR_ITEMS = Relation(
    name="popular_items",
    lake_table="lists/popular_items",
    description="One row is one popular phone in one segment; for people without an identity.",
    key=("segment", "rank"),
    columns=(
        Column("segment", "text", "`all`, or a country."),
        Column("rank", "smallint", "Place in the segment, from 1 without gaps."),
        Column("item_id", "text", "The phone."),
        Column("score", "real", "Recent interest in it, in weighted events."),
    ),
)
ITEMS = Relation(
    name="items",
    lake_table="marts/dim_item",
    description="One row is one phone as it was when the lists were made.",
    key=("item_id",),
    columns=(
        Column("item_id", "text", "The phone."),
        Column("title", "text", "Its title.", True),
        Column("brand", "text", "Its brand.", True),
        Column("price", "double precision", "Its price in the shop's currency.", True),
        Column("is_in_stock", "boolean", "Whether it could be sold.", True),
        Column("release_date", "date", "When it was or will be released.", True),
        Column("image_path", "text", "Its picture, relative to the media root.", True),
    ),
)
RELATIONS = (RECOMMENDATIONS, SIMILAR_ITEMS, POPULAR_ITEMS, ITEMS)
