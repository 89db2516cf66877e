"""`[serving]`: the PostgreSQL database that consumers read."""

from pathlib import Path

from pydantic import Field, SecretStr

from handpick.settings import Section

SQL_NAME = "^[a-z_][a-z0-9_]*$"


class ServingSettings(Section):
    """Where lists are published: a PostgreSQL server, or without `dsn` an embedded one in `embedded_path`."""

    dsn: SecretStr | None = Field(
        None,
        min_length=1,  # an empty variable must not mean the server that libpq finds by itself
        description="DSN of a PostgreSQL server, version 14 or newer. Set it by the environment variable "
        "HANDPICK__SERVING__DSN.",
    )
    allow_demo: bool = Field(
        False,
        description="Whether lists of the demo shop may be published to the server of `dsn`, such as a test "
        "server. The embedded server takes them always.",
    )
    embedded_path: Path = Field(
        Path("var/postgres"),
        description="Data folder of the embedded server, which is started when it is needed.",
    )
    database: str = Field(
        "handpick",
        pattern=SQL_NAME,
        description="Database on the embedded server; a DSN names its own database.",
    )
    schema_name: str = Field("serving", pattern=SQL_NAME, description="Schema of the published relations.")
    reader_role: str = Field(
        "handpick_reader", pattern=SQL_NAME, description="Read-only role of the consumers."
    )
    reader_connections: int = Field(
        50, ge=1, description="Largest number of connections of the reader role at a time."
    )
    reader_timeout_s: int = Field(
        60,
        ge=1,
        description="Seconds that one statement of the reader role may take, and that it may leave a "
        "transaction open without a statement; a session may choose another limit for itself.",
    )
    connect_timeout_s: int = Field(10, ge=1, description="Seconds to wait for the server to answer.")
    statement_timeout_s: int = Field(
        60, ge=0, description="Seconds that one statement of a command may take; 0 for no limit."
    )
    load_timeout_s: int = Field(
        3600, ge=0, description="Seconds that one statement of a publish may take; 0 for no limit."
    )
    load_streams: int = Field(
        2, ge=1, le=64, description="Parts of a list version that are loaded in parallel, each on a core."
    )
    keep_versions: int = Field(
        7, ge=2, description="Largest number of older list versions that are kept for a rollback."
    )
    keep_days: int = Field(
        30,
        ge=1,
        description="Age in days at which older list versions are dropped; the newest of them always stays.",
    )
