"""`[serving]`: the PostgreSQL database that consumers read."""

from pathlib import Path

from pydantic import Field, SecretStr

from handpick.settings import Section

NAME = "^[a-z_][a-z0-9_]*$"


class ServingSettings(Section):
    """Where lists are published. Without a DSN, an embedded server under `embedded_path` is started when needed."""

    dsn: SecretStr | None = Field(
        None, description="A PostgreSQL 14+ server; set it by HANDPICK__SERVING__DSN."
    )
    embedded_path: Path = Field(Path("var/postgres"), description="Data folder of the embedded server.")
    database: str = Field(
        "handpick", pattern=NAME, description="Database on the embedded server; a DSN names its own."
    )
    schema_name: str = Field("serving", pattern=NAME, description="Schema of the published relations.")
    reader_role: str = Field("handpick_reader", pattern=NAME, description="Read-only role for consumers.")
    connect_timeout_s: int = Field(10, ge=1, description="Seconds to wait for the server to answer.")
    statement_timeout_s: int = Field(
        60, ge=0, description="Seconds that one statement of a command may take; 0 for no limit."
    )
    load_timeout_s: int = Field(
        3600, ge=0, description="Seconds that one statement of a publish may take; 0 for no limit."
    )
    load_streams: int = Field(
        2, ge=1, le=64, description="Parts of a version that are loaded side by side, on a core each."
    )
    keep_versions: int = Field(7, ge=2, description="Older list versions kept for rollback, by count.")
    keep_days: int = Field(30, ge=1, description="Older list versions kept for rollback, by age in days.")
