"""`[spark]`: the Spark session of validation, transforms and other stages that are set to use Spark."""

from pydantic import Field, SecretStr

from handpick.settings import Section


class SparkSettings(Section):
    """The Spark session."""

    master: str = Field(
        "local[*]", description="Spark master: `local[*]`, `spark://host:7077`, `yarn`, `k8s://...`"
    )
    driver_memory: str = Field(
        "1g", description="Heap of the driver, which also does the work in local mode."
    )
    shuffle_partitions: int = Field(4, ge=1, description="Partitions after a shuffle.")
    secret: SecretStr | None = Field(
        None,
        description="Secret by which the session and a standalone cluster know each other; it also encrypts "
        "what they send. The cluster needs the same as `spark.authenticate.secret`. Set it by the "
        "environment variable HANDPICK__SPARK__SECRET.",
    )
    options: dict[str, str] = Field(
        {},
        description="Any further Spark option, passed through unchanged, by a file that only this user can "
        "read.",
    )
