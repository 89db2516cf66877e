"""`[lineage]`: where OpenLineage events go."""

from pathlib import Path

from pydantic import Field, SecretStr

from handpick.settings import Section


class LineageSettings(Section):
    """OpenLineage events of every stage; to a file, or to Marquez or any other endpoint."""

    file: Path = Field(
        Path("var/lineage/events.jsonl"), description="Events are appended here, one JSON a line."
    )
    url: str | None = Field(
        None, description="An OpenLineage endpoint that events go to instead of the file."
    )
    api_key: SecretStr | None = Field(
        None, description="Its bearer token; set it by HANDPICK__LINEAGE__API_KEY."
    )
    namespace: str = Field("handpick", description="OpenLineage namespace of the jobs and datasets.")
    manifest: Path = Field(
        Path("dbt/target/manifest.json"), description="dbt's manifest, which tells how marts are made."
    )
