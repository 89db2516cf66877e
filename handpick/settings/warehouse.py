"""`[warehouse]`: the dbt project and the database that it builds."""

from pathlib import Path

from pydantic import Field

from handpick.settings import Section


class WarehouseSettings(Section):
    """The warehouse, DuckDB by default."""

    path: Path = Field(Path("var/warehouse/handpick.duckdb"), description="The DuckDB file that dbt builds.")
    target: str = Field("duckdb", description="dbt target of dbt/profiles.yml: `duckdb` or `spark`.")
    threads: int = Field(2, ge=1, description="Models that dbt builds at a time.")
    tests: bool = Field(True, description="Run dbt's tests with the models; a failing one stops the night.")
