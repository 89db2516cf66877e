"""`[spark]`: where transforms and the row filter run."""

from pydantic import Field

from handpick.settings import Section


class SparkSettings(Section):
    """The Spark session."""

    master: str = Field("local[*]", description="`local[*]`, `spark://host:7077`, `yarn`, `k8s://...`")
    driver_memory: str = Field(
        "1g", description="Heap of the driver, which is also the worker in local mode."
    )
    shuffle_partitions: int = Field(4, ge=1, description="Partitions after a shuffle.")
    options: dict[str, str] = Field({}, description="Any further Spark option, passed through unchanged.")
