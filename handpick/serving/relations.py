"""The served relations, declared once; DDL, COPY, checks, views and documentation are derived from them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ServedColumn:
    """One column of a served relation.

    Args:
        name: Its name in the lake and in the view.
        sql_type: PostgreSQL type: `text`, `smallint`, `real`, `double precision`, `boolean` or `date`.
        description: One sentence.
        is_nullable: Whether it may be null.
        is_appended: Whether a later release added it: it stands last in the view, because a view that
            consumers read can only grow at its end, and is null in versions of earlier releases.
    """

    name: str
    sql_type: str
    description: str
    is_nullable: bool = False
    is_appended: bool = False


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
    columns: tuple[ServedColumn, ...]
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


VARIANTS = ServedColumn(
    "phone_variants",
    "text",
    "Other colours and memory sizes of the model that can be bought, joined by ` | `; null for none.",
    is_nullable=True,
    is_appended=True,
)
RECOMMENDATIONS = Relation(
    name="recommendations",
    lake_table="lists/recommendations",
    description="One row is one phone on one user's list.",
    key=("user_id", "rank"),
    columns=(
        ServedColumn("user_id", "text", "Whose list."),
        ServedColumn("rank", "smallint", "Place on the list, from 1 without gaps."),
        ServedColumn("item_id", "text", "The phone."),
        ServedColumn("score", "real", "The model's score; comparable within one list only."),
        ServedColumn("source", "text", "Which models or rules put it there, joined by +."),
        ServedColumn("reason", "text", "Why, in the user's language."),
        ServedColumn("reason_code", "text", "Why, for programs."),
        ServedColumn(
            "relaxed_rules", "text", "Rules set aside for this row, joined by +; null for none.", True
        ),
        ServedColumn("propensity", "real", "Probability with which this phone was given this place.", True),
        ServedColumn(
            "placed_by",
            "text",
            "Why it stands at this place: `score`, or what set the order of scores aside: `diversity`, "
            "`launch`, `exploration`, `campaign`, `relaxed_rules`; null for versions of earlier releases.",
            is_nullable=True,
            is_appended=True,
        ),
        ServedColumn(
            "experiment",
            "text",
            "The experiment that the user is part of; several are joined by +; null for none.",
            is_nullable=True,
            is_appended=True,
        ),
        ServedColumn(
            "variant",
            "text",
            "The user's variant of that experiment; several are joined by +; null for none.",
            is_nullable=True,
            is_appended=True,
        ),
        VARIANTS,
    ),
)
SIMILAR_ITEMS = Relation(
    name="similar_items",
    lake_table="lists/similar_items",
    description="One row is one phone like another phone.",
    key=("item_id", "rank"),
    columns=(
        ServedColumn("item_id", "text", "The phone looked at."),
        ServedColumn("rank", "smallint", "Place on its list, from 1 without gaps."),
        ServedColumn("similar_item_id", "text", "A phone like it."),
        ServedColumn("score", "real", "Cosine of the two phones' vectors."),
        ServedColumn("reason", "text", "What they have in common."),
        VARIANTS,
    ),
)
POPULAR_ITEMS = Relation(
    name="popular_items",
    lake_table="lists/popular_items",
    description="One row is one popular phone in one segment; for people without an identity.",
    key=("segment", "rank"),
    columns=(
        ServedColumn("segment", "text", "`all`, or a country."),
        ServedColumn("rank", "smallint", "Place in the segment, from 1 without gaps."),
        ServedColumn("item_id", "text", "The phone."),
        ServedColumn("score", "real", "Recent interest in it, in weighted events."),
        VARIANTS,
    ),
)
ITEMS = Relation(
    name="items",
    lake_table="marts/dim_item",
    description="One row is one phone as it was when the lists were made.",
    key=("item_id",),
    columns=(
        ServedColumn("item_id", "text", "The phone."),
        ServedColumn("title", "text", "Its title.", True),
        ServedColumn("brand", "text", "Its brand.", True),
        ServedColumn("price", "double precision", "Its price in the shop's currency.", True),
        ServedColumn("is_in_stock", "boolean", "Whether it could be sold.", True),
        ServedColumn("release_date", "date", "When it was or will be released.", True),
        ServedColumn("image_path", "text", "Its picture, relative to the media root.", True),
        ServedColumn(
            "variant_group_id",
            "text",
            "The same for all variants of its model.",
            is_nullable=True,
            is_appended=True,
        ),
    ),
)
RELATIONS = (RECOMMENDATIONS, SIMILAR_ITEMS, POPULAR_ITEMS, ITEMS)
