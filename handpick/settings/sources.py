"""`[sources]`: where each source's rows arrive, and how the owner's columns map onto the contract."""

import codecs
import re
from difflib import get_close_matches
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, SecretStr

from handpick.settings import Section

Format = Literal["auto", "csv", "jsonl", "parquet", "spreadsheet", "sql"]
NumberForm = Literal["1.299,00", "1,299.00"]
Needed = Literal["every_night", "first_night", "never"]
Mode = Literal["changes", "full"]
FIXED_OFFSET = re.compile(r"[+-](?:0\d|1[0-4]):[0-5]\d")


def _check_timezone(name: str) -> str:
    """Return the name of a time zone, or raise a ValueError that names the one that was probably meant."""
    if FIXED_OFFSET.fullmatch(name):
        return name
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        known = {zone.lower(): zone for zone in available_timezones()}
        likely = [known[found] for found in get_close_matches(name.lower(), known, 1)]
        meant = f"; probably meant is {likely[0]!r}" if likely else ", such as 'Europe/Berlin' or '+01:00'"
        raise ValueError(f"there is no time zone {name!r}{meant}") from None
    return name


def _check_encoding(name: str) -> str:
    """Return the name of an encoding of text, or raise a ValueError."""
    try:
        if name and not codecs.lookup(name)._is_text_encoding:
            raise LookupError
    except (LookupError, ValueError):
        raise ValueError(
            f"there is no encoding {name!r}; usual ones are utf-8, cp1252, cp1250, cp1251, gb18030"
        ) from None
    return name


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
    encoding: Annotated[str, AfterValidator(_check_encoding)] = Field(
        "",
        description="Encoding of text files, such as `cp1250`; empty to detect it. A byte order mark wins.",
    )
    delimiter: str = Field(
        "",
        pattern=r"^[^\n\r\"]?$",
        description="Delimiter of CSV files, such as `;` or a tab; empty to detect it. It is one character.",
    )
    header: tuple[str, ...] = Field(
        (),
        description="Names of the columns of CSV files that have no header line, in their order.",
    )
    mode: Mode = Field(
        "changes",
        description="What a night brings: `changes` (new and changed rows) or `full` (all rows that there "
        "are). "
        "Of a full log, rows that an earlier night landed are left out; phones and customers that a full "
        "export no longer has are delisted and closed.",
    )
    max_gone_share: float = Field(
        0.3,
        ge=0,
        le=1,
        description="With `mode = 'full'`: the night stops if a larger share of the phones or customers of "
        "the "
        "export before is gone, as after a cut export.",
    )
    nulls: tuple[str, ...] = Field(
        ("\\N",), description="Texts that stand for an empty value in every column, such as `NULL` or `N/A`."
    )
    questions: tuple[str, ...] = Field(
        (),
        description="What `handpick init` could not decide. `handpick check` repeats each until it is "
        "removed.",
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
        {},
        description="Contract column = how its numbers are written: `1.299,00` or `1,299.00`. "
        "Currencies, blanks and apostrophes are understood in both; the form decides about `1.299`.",
    )
    collected: dict[str, list[str]] = Field(
        {},
        description="Contract column = the owner's columns that are collected in it as one JSON object; `*` "
        "stands for all columns that are not mapped, such as "
        '`specs = ["*"]` for a table with a column per specification.',
    )
    joined: dict[str, str] = Field(
        {},
        description="Contract column = a text with your columns in braces, such as "
        "`title = '{brand} {model}'`; in identifiers, blanks become hyphens.",
    )
    hashed: tuple[str, ...] = Field(
        (),
        description="Contract columns that are filled with a hash of the owner's whole row, for rows "
        "without an identifier.",
    )
    first_per_key: bool = Field(
        False,
        description="Land only one row of each key and count the others, such as for customers and phones "
        "that are read from a log: a customer's earliest row, a phone's newest.",
    )
    times: dict[str, str | tuple[str, ...]] = Field(
        {},
        description="Contract column = how its dates or timestamps are written, if not in ISO 8601: "
        "`epoch_s`, `epoch_ms`, `epoch_us`, `epoch_ns`, `excel` (serial days), `text` (the first day, month, "
        "quarter or year that a free text states, such as `Released 2019, March`), or a pattern such as "
        "`%d.%m.%Y %H:%M:%S.%f`; several forms as a list are tried in their order. Months may be "
        "named in twelve languages.",
    )
    timezone: Annotated[str, AfterValidator(_check_timezone)] = Field(
        "UTC", description="Time zone of timestamps that do not state one, such as `Europe/Berlin`."
    )
    factors: dict[str, Annotated[float, Field(allow_inf_nan=False)]] = Field(
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
