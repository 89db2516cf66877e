"""Connections to PostgreSQL: to the server of the configured DSN, or to the embedded one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from handpick.errors import ServingError
from handpick.serving.embedded import SUPERUSER, get_database_url

if TYPE_CHECKING:
    import psycopg

    from handpick.settings.load import Settings


def connect(
    settings: Settings,
    *,
    autocommit: bool = False,
    timeout_s: int | None = None,
    reader: bool = False,
) -> psycopg.Connection[Any]:
    """Open a connection to the serving database.

    Args:
        settings: All settings; `[serving]` names the server.
        autocommit: Whether each statement is its own transaction.
        timeout_s: Seconds one statement may take, instead of `serving.statement_timeout_s`.
        reader: Whether to connect as the reader role. With a DSN the role is assumed by `SET ROLE`, so that
            no second password is needed.

    Raises:
        ServingError: If the server does not answer, or the DSN cannot be read.
    """
    import psycopg

    serving = settings.serving
    limit = serving.statement_timeout_s if timeout_s is None else timeout_s
    # The embedded server trusts local roles, so there the reader connects as itself.
    dsn = get_dsn(settings, role=serving.reader_role if reader else SUPERUSER)
    options: dict[str, Any] = {
        "connect_timeout": serving.connect_timeout_s,
        "options": f"-c statement_timeout={limit * 1000} -c timezone=UTC",
        "application_name": "handpick",
    }
    try:
        connection = _open_connection(dsn, autocommit, options, limit)
        if reader and serving.dsn is not None:
            connection.execute(f'set role "{serving.reader_role}"')
            connection.commit()
    except psycopg.ProgrammingError:
        # The text of this error repeats the DSN, which may hold a password.
        raise ServingError(
            "serving.dsn is not a PostgreSQL DSN such as postgresql://user@host:5432/database; nothing was "
            "read or written. Set HANDPICK__SERVING__DSN."
        ) from None
    except psycopg.Error as error:
        where = (
            "the server of serving.dsn"
            if serving.dsn is not None
            else f"the embedded server in {serving.embedded_path}"
        )
        reason = " ".join(str(error).split())
        raise ServingError(f"{where} does not answer; nothing was changed. Its error: {reason}") from None
    return connection


def _open_connection(
    dsn: str, autocommit: bool, options: dict[str, Any], limit: float
) -> psycopg.Connection[Any]:
    """Open a connection; through PgBouncer, which refuses options at the start, they are set afterwards."""
    import psycopg

    try:
        return psycopg.connect(dsn, autocommit=autocommit, **options)
    except psycopg.OperationalError as error:
        if "unsupported startup parameter" not in str(error):
            raise
    connection = psycopg.connect(dsn, autocommit=autocommit, **{**options, "options": ""})
    connection.execute(f"set statement_timeout = {int(limit * 1000)}")
    connection.execute("set timezone = 'UTC'")
    if not autocommit:
        connection.commit()
    return connection


def get_dsn(settings: Settings, role: str = SUPERUSER) -> str:
    """Return the configured DSN or that of the embedded server, which is started, in libpq's form."""
    serving = settings.serving
    if serving.dsn is not None:
        return serving.dsn.get_secret_value()
    return get_database_url(settings, serving.database, role)
