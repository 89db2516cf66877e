"""`[warehouse]`: the dbt project and the database that it builds."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from handpick.settings import Section


class WarehouseSettings(Section):
    """The warehouse, DuckDB by default."""

    path: Path = Field(Path("var/warehouse/handpick.duckdb"), description="The DuckDB file that dbt builds.")
    target: Literal["duckdb", "spark"] = Field("duckdb", description="dbt target of dbt/profiles.yml.")
    threads: int = Field(2, ge=1, description="Models that dbt builds at a time, and DuckDB's threads.")
    memory: str = Field(
        "2GiB",
        pattern=r"^\d+(\.\d+)?(MiB|GiB)$",
        description="Memory that DuckDB may use before it goes on in files beside the warehouse.",
    )
    tests: bool = Field(True, description="Run dbt's tests with the models; a failing one stops the night.")
