"""Reads a source from a SQL query, on any database that SQLAlchemy supports."""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa

from handpick.contracts import Contract
from handpick.errors import InputError
from handpick.night import Night
from handpick.settings.sources import SourceSettings

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

FETCH_ROWS = 50_000
"""Rows per round trip; bounds what the driver holds in memory."""


def read_sql(contract: Contract, settings: SourceSettings, night: Night) -> pa.Table:
    """Run the query of a source and return its rows as text, numbered from 1 as `_source_line`.

    The query may use `:since` (end of the last landed night), `:late` (before it, by the days that rows may
    be late) and `:until` (end of this night), all in UTC.

    Raises:
        InputError: If the database does not answer or refuses the query; the message never holds the URL.
    """
    from sqlalchemy import DateTime, bindparam, text
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
        engine = open_engine(settings.url.get_secret_value())
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


def open_engine(url: str) -> Engine:
    """Return the engine of a database, with the drivers that are installed for the usual URLs.

    Raises:
        InputError: If the URL is none, or its driver is not installed; the message never holds the URL.
    """
    from sqlalchemy import create_engine
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    kind = url.split("://", 1)[0].split("+", 1)[0]
    try:
        parsed = make_url(url)
        if parsed.drivername in ("postgres", "postgresql"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        elif parsed.drivername in ("mysql", "mariadb"):
            parsed = parsed.set(drivername=f"{parsed.drivername}+pymysql")
        return create_engine(parsed)
    except ModuleNotFoundError as error:
        raise InputError(
            f"a database of kind {kind} needs the Python package {error.name}, which is not installed: pip "
            f"install {error.name}."
        ) from None
    except (ArgumentError, NoSuchModuleError, ValueError, TypeError):
        raise InputError(
            f"'{kind}://' is no URL of a database that SQLAlchemy knows, such as postgresql://user@host/shop."
        ) from None


def describe_database_error(error: Exception) -> str:
    """Return the reason of an error of SQLAlchemy in one line, without the URL that its message may hold."""
    if isinstance(error, ImportError):
        return f"the driver {error.name} is not installed; install it into .venv"
    if isinstance(error, ValueError):  # of a URL such as `postgresql://host:port/x`
        return "its URL cannot be parsed"
    return (str(getattr(error, "orig", None) or "").strip() or type(error).__name__).splitlines()[0]


def format_database_value(value: object) -> str | None:
    """Format a database value as text: JSON columns as JSON, bytes as UTF-8; None stays None."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", errors="replace")
    if isinstance(value, float):
        if math.isnan(value):  # how some databases write an empty value
            return None
        # A long article number must keep its digits.
        return f"{value:.1f}" if value.is_integer() and abs(value) < 2**53 else repr(value)
    return value.isoformat() if isinstance(value, datetime) else str(value)
