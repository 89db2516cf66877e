"""`[lineage]`: where OpenLineage events go."""

from pathlib import Path

from pydantic import Field, SecretStr

from handpick.settings import Section


class LineageSettings(Section):
    """OpenLineage events of every stage, sent to a file, to Marquez or to another endpoint."""

    file: Path = Field(
        Path("var/lineage/events.jsonl"), description="File that events are appended to, as JSON lines."
    )
    url: str | None = Field(
        None, description="URL of an OpenLineage endpoint that receives the events instead of the file."
    )
    api_key: SecretStr | None = Field(
        None,
        description="Bearer token of the endpoint. Set it by the environment variable "
        "HANDPICK__LINEAGE__API_KEY.",
    )
    namespace: str = Field("handpick", description="OpenLineage namespace of the jobs and datasets.")
    manifest: Path = Field(
        Path("dbt/target/manifest.json"),
        description="dbt's manifest, from which the lineage of the marts' columns is read.",
    )
