"""`[features]`: the Feast feature store."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from handpick.settings import Section


class FeaturesSettings(Section):
    """Where features are kept: an offline store for training, an online store for lookups."""

    path: Path = Field(
        Path("var/feast"), description="Folder of Feast's registry and of the SQLite online store."
    )
    offline_store: Literal["duckdb", "spark"] = Field(
        "duckdb",
        description="Engine of the point-in-time join of training rows: `duckdb` in this process, or "
        "`spark`.",
    )
    online_store: Literal["sqlite", "redis", "postgres"] = Field(
        "sqlite", description="Store of the newest feature values."
    )
    redis: SecretStr = Field(
        SecretStr("localhost:6379"),
        description="Connection string of Redis in Feast's form, `host:port,db=0,password=...`. Set it by "
        "the environment variable HANDPICK__FEATURES__REDIS, as it may hold a password.",
    )
    postgres_dsn: SecretStr | None = Field(
        None,
        description="DSN of PostgreSQL for online features; without it, the database that lists are "
        "published in.",
    )
    postgres_schema: str = Field(
        "feast", pattern="^[a-z_][a-z0-9_]*$", description="PostgreSQL schema of the online features."
    )
    training_batch_rows: int = Field(
        2_000_000,
        ge=1000,
        description="Training rows that are joined at a time; bounds the memory of a first night.",
    )
