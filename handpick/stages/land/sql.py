"""Reads a source from a SQL query, on any database that SQLAlchemy supports."""

from __future__ import annotations

from datetime import datetime, timedelta

import pyarrow as pa

from handpick.contracts import Contract
from handpick.errors import InputError
from handpick.night import Night
from handpick.settings.sources import SourceSettings

FETCH_ROWS = 50_000
"""Rows per round trip; bounds what the driver holds in memory."""


def read_sql(contract: Contract, settings: SourceSettings, night: Night) -> pa.Table:
    """Run the query of a source and return its rows as text, numbered from 1 as `_source_line`.

    The query may use `:since` (end of the last landed night), `:late` (before it, by the days that rows may
    be late) and `:until` (end of this night), all in UTC.

    Raises:
        InputError: If the database does not answer or refuses the query; the message never holds the URL.
    """
    from sqlalchemy import DateTime, bindparam, create_engine, text
    from sqlalchemy.exc import SQLAlchemyError

    if settings.url is None or not settings.query:
        raise InputError(f"sources.{contract.source}: format 'sql' needs url and query.")
    previous = night.lake.latest_date_before(f"raw/{contract.source}", night.logical_date)
    since = (
        datetime.combine(previous, datetime.min.time(), night.as_of.tzinfo) + timedelta(days=1)
        if previous
        else None
    )
    first = datetime(1970, 1, 1, tzinfo=night.as_of.tzinfo)
    bounds = {
        "since": since or first,
        "late": since - timedelta(days=contract.max_days_late or 0) if since else first,
        "until": night.as_of,
    }
    # With an explicit type SQLAlchemy converts the bounds itself; drivers' own adapters are global state that
    # other libraries may have changed.
    parameters = [
        bindparam(name, value, DateTime(timezone=True))
        for name, value in bounds.items()
        if f":{name}" in settings.query
    ]
    try:
        engine = create_engine(settings.url.get_secret_value())
        with engine.connect() as connection:
            query = text(settings.query).bindparams(*parameters)
            # A server-side cursor, so that the driver does not hold the whole result.
            result = connection.execution_options(stream_results=True).execute(query)
            names = list(result.keys())
            columns: list[list[str | None]] = [[] for _ in names]
            while chunk := result.fetchmany(FETCH_ROWS):
                for row in chunk:
                    for column, value in zip(columns, row, strict=True):
                        column.append(format_database_value(value))
    except (SQLAlchemyError, ValueError, ImportError) as error:
        raise InputError(
            f"sources.{contract.source}: the database refused or did not answer: "
            f"{describe_database_error(error)}"
        ) from None
    table = pa.table([pa.array(column, pa.string()) for column in columns], names=names)
    return table.append_column("_source_line", pa.array(range(1, table.num_rows + 1), pa.int64()))


def describe_database_error(error: Exception) -> str:
    """Return the reason of an error of SQLAlchemy in one line, without the URL that its message may hold."""
    if isinstance(error, ImportError):
        return f"the driver {error.name} is not installed; install it into .venv"
    if isinstance(error, ValueError):  # of a URL such as `postgresql://host:port/x`
        return "its URL cannot be parsed"
    return str(getattr(error, "orig", None) or type(error).__name__).splitlines()[0]


def format_database_value(value: object) -> str | None:
    """Format a database value as text; None stays None."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, datetime) else str(value)
