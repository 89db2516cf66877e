"""`[warehouse]`: the database that dbt builds."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from handpick.settings import Section


class WarehouseSettings(Section):
    """The warehouse, DuckDB by default."""

    path: Path = Field(Path("var/warehouse/handpick.duckdb"), description="The DuckDB file that dbt builds.")
    target: Literal["duckdb", "spark"] = Field("duckdb", description="Target in dbt/profiles.yml.")
    threads: int = Field(2, ge=1, description="Models that dbt builds in parallel, and threads of DuckDB.")
    memory: str = Field(
        "2GiB",
        pattern=r"^\d+(\.\d+)?(MiB|GiB)$",
        description="Memory that DuckDB may use before it spills to files next to the warehouse's.",
    )
    tests: bool = Field(True, description="Run dbt's tests after the models; a failing one stops the night.")
