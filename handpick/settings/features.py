"""`[features]`: the feature store."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from handpick.settings import Section


class FeaturesSettings(Section):
    """Where features are kept: Parquet in the lake to train from, an online store to look up from."""

    path: Path = Field(Path("var/feast"), description="Folder of Feast's registry and of the SQLite store.")
    offline_store: Literal["duckdb", "spark"] = Field(
        "duckdb", description="What joins training rows: `duckdb` in this process or `spark`."
    )
    online_store: Literal["sqlite", "redis", "postgres"] = Field(
        "sqlite", description="Where the newest features are looked up."
    )
    redis: SecretStr = Field(
        SecretStr("localhost:6379"),
        description="Redis, as Feast writes it: `host:port,db=0,password=...`; set it by HANDPICK__FEATURES__REDIS.",
    )
    postgres_dsn: SecretStr | None = Field(
        None,
        description="PostgreSQL for online features; without it, the database that lists are published in.",
    )
    postgres_schema: str = Field(
        "feast", pattern="^[a-z_][a-z0-9_]*$", description="Schema of online features."
    )
    training_batch_rows: int = Field(
        2_000_000, ge=1000, description="Training rows joined at a time; bounds memory on a first night."
    )
