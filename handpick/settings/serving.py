"""`[serving]`: the PostgreSQL database that consumers read."""

from pathlib import Path

from pydantic import Field, SecretStr

from handpick.settings import Section


class ServingSettings(Section):
    """Where lists are published. Without a DSN, an embedded server under `embedded_path` is started when needed."""

    dsn: SecretStr | None = Field(
        None, description="A PostgreSQL 14+ server; set it by HANDPICK__SERVING__DSN."
    )
    embedded_path: Path = Field(Path("var/postgres"), description="Data folder of the embedded server.")
    schema_name: str = Field(
        "serving", pattern="^[a-z_][a-z0-9_]*$", description="Schema of the published relations."
    )
    reader_role: str = Field(
        "handpick_reader", pattern="^[a-z_][a-z0-9_]*$", description="Read-only role for consumers."
    )
    keep_versions: int = Field(7, ge=2, description="Older list versions kept for rollback, by count.")
    keep_days: int = Field(30, ge=1, description="Older list versions kept for rollback, by age in days.")
