"""`[sources]`: where each source's rows arrive, and how the owner's columns and values map onto the contract."""

from typing import Literal

from pydantic import Field, SecretStr

from handpick.settings import Section

Format = Literal["auto", "csv", "jsonl", "parquet", "sql"]
NumberForm = Literal["1.299,00", "1,299.00"]
Needed = Literal["every_night", "first_night", "never"]


class SourceSettings(Section):
    """One source."""

    path: str = Field(
        "",
        description="Folder or file, or a URL that fsspec knows, such as `s3://shop/events`; empty for `<landing>/<source>`.",
    )
    format: Format = Field("auto", description="`auto` goes by the file's first bytes and name.")
    needed: Needed = Field("every_night", description="When a night without rows of this source stops.")
    columns: dict[str, str] = Field(
        {}, description="Contract column = the owner's column, where they differ."
    )
    values: dict[str, dict[str, str]] = Field(
        {}, description="Per contract column: the owner's value = ours; `*` stands for any other value."
    )
    constants: dict[str, str] = Field(
        {},
        description="Contract column = value, where the owner has no column; `{logical_date}` is the night's date.",
    )
    patterns: dict[str, str] = Field(
        {},
        description="Contract column = regular expression; its first group is the value, such as "
        r"`price = '([\d.,]+)'` for \"About 130 EUR\". Texts that it does not match stay as they are.",
    )
    numbers: dict[str, NumberForm] = Field(
        {}, description="How numbers with marks are written, by contract column: `1.299,00` or `1,299.00`."
    )
    collected: dict[str, list[str]] = Field(
        {},
        description="Contract column = the owner's columns that become one JSON object in it; `*` stands for all that "
        'are not mapped, such as `specs = ["*"]` for a table with a column for each specification.',
    )
    hashed: tuple[str, ...] = Field(
        (),
        description="Contract columns that become a hash of the owner's whole row: identifiers where there are none.",
    )
    first_per_key: bool = Field(
        False,
        description="Land only the first row of each key and count the others: for customers taken from a log.",
    )
    times: dict[str, str] = Field(
        {},
        description="How a date or timestamp is written, where not in ISO form: `epoch_s`, `epoch_ms`, or a pattern "
        "such as `%d.%m.%Y %H:%M`.",
    )
    timezone: str = Field(
        "UTC", description="Zone of timestamps that do not state one, such as `Europe/Berlin`."
    )
    factors: dict[str, float] = Field(
        {}, description="Numbers are multiplied by this, such as `price = 0.01` for prices in cents."
    )
    url: SecretStr | None = Field(None, description="SQLAlchemy URL of a database, for `format = 'sql'`.")
    query: str = Field(
        "",
        description="Query for `sql`; `:since` and `:until` are the night's bounds (UTC), `:late` lies before `:since` by "
        "the days that the contract lets rows come late; rows that an earlier night has are told apart by their key.",
    )


class SourcesSettings(Section):
    """The four sources."""

    catalog: SourceSettings = SourceSettings()
    users: SourceSettings = SourceSettings()
    events: SourceSettings = SourceSettings()
    queries: SourceSettings = SourceSettings(needed="first_night")

    def of(self, source: str) -> SourceSettings:
        """Settings of one source by name."""
        settings: SourceSettings = getattr(self, source)
        return settings
