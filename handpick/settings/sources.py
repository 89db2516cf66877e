"""`[sources]`: where each source's rows arrive, and how the owner's columns and values map onto the contract."""

from typing import Literal

from pydantic import Field, SecretStr

from handpick.settings import Section

Format = Literal["auto", "csv", "jsonl", "parquet", "sql"]


class SourceSettings(Section):
    """One source."""

    path: str = Field("", description="Folder or file; empty for `<landing>/<source>`.")
    format: Format = Field("auto", description="`auto` goes by the file's name and first bytes.")
    columns: dict[str, str] = Field(
        {}, description="Contract column = the owner's column, where they differ."
    )
    values: dict[str, dict[str, str]] = Field(
        {}, description="Per contract column: the owner's value = ours."
    )
    url: SecretStr | None = Field(None, description="SQLAlchemy URL of a database, for `format = 'sql'`.")
    query: str = Field("", description="Query for `sql`; `:since` and `:until` are the night's bounds (UTC).")
    is_optional: bool = Field(False, description="A night without a new file of this source goes on.")


class SourcesSettings(Section):
    """The four sources."""

    catalog: SourceSettings = SourceSettings()
    users: SourceSettings = SourceSettings()
    events: SourceSettings = SourceSettings()
    queries: SourceSettings = SourceSettings()

    def of(self, source: str) -> SourceSettings:
        """Settings of one source by name."""
        settings: SourceSettings = getattr(self, source)
        return settings
