"""`[sources]`: where each source's rows arrive, and how the owner's columns map onto the contract."""

from typing import Literal

from pydantic import Field, SecretStr

from handpick.settings import Section

Format = Literal["auto", "csv", "jsonl", "parquet", "sql"]
NumberForm = Literal["1.299,00", "1,299.00"]
Needed = Literal["every_night", "first_night", "never"]


class SourceSettings(Section):
    """Place, format and mapping of one source."""

    path: str = Field(
        "",
        description="Folder or file, or a URL of fsspec, such as `s3://shop/events`; empty for "
        "`<landing>/<source>`.",
    )
    format: Format = Field(
        "auto", description="Format of the files; `auto` detects it by the first bytes and the name."
    )
    needed: Needed = Field("every_night", description="Nights that stop if there are no rows of this source.")
    columns: dict[str, str] = Field(
        {}, description="Contract column = the owner's column, where their names differ."
    )
    values: dict[str, dict[str, str]] = Field(
        {},
        description="Per contract column: the owner's value = the contract's value; `*` stands for any "
        "other value.",
    )
    constants: dict[str, str] = Field(
        {},
        description="Contract column = value, where the owner has no such column; `{logical_date}` is the "
        "night's date.",
    )
    patterns: dict[str, str] = Field(
        {},
        description="Contract column = regular expression; its first group is the value, such as "
        r"`price = '([\d.,]+)'` for \"About 130 EUR\". Texts that it does not match stay as they are.",
    )
    numbers: dict[str, NumberForm] = Field(
        {}, description="Contract column = how its numbers are written: `1.299,00` or `1,299.00`."
    )
    collected: dict[str, list[str]] = Field(
        {},
        description="Contract column = the owner's columns that are collected in it as one JSON object; `*` "
        "stands for all columns that are not mapped, such as "
        '`specs = ["*"]` for a table with a column per specification.',
    )
    hashed: tuple[str, ...] = Field(
        (),
        description="Contract columns that are filled with a hash of the owner's whole row, for rows "
        "without an identifier.",
    )
    first_per_key: bool = Field(
        False,
        description="Land only the first row of each key and count the others, such as for customers that "
        "are read from a log.",
    )
    times: dict[str, str] = Field(
        {},
        description="Contract column = how its dates or timestamps are written, if not in ISO 8601: "
        "`epoch_s`, `epoch_ms`, or a pattern such as `%d.%m.%Y %H:%M`.",
    )
    timezone: str = Field(
        "UTC", description="Time zone of timestamps that do not state one, such as `Europe/Berlin`."
    )
    factors: dict[str, float] = Field(
        {}, description="Contract column = factor of its numbers, such as `price = 0.01` for prices in cents."
    )
    url: SecretStr | None = Field(None, description="SQLAlchemy URL of a database, with `format = 'sql'`.")
    query: str = Field(
        "",
        description="Query of the database. `:since` and `:until` are the night's bounds (UTC); `:late` is "
        "before `:since` by the days that the contract allows rows to be late. Rows that an earlier night "
        "has are recognized by their key.",
    )


class SourcesSettings(Section):
    """The four sources, a table for each with the same keys."""

    catalog: SourceSettings = SourceSettings()
    users: SourceSettings = SourceSettings()
    events: SourceSettings = SourceSettings()
    queries: SourceSettings = SourceSettings(needed="first_night")

    def of(self, source: str) -> SourceSettings:
        """Return the settings of one source by name."""
        settings: SourceSettings = getattr(self, source)
        return settings
