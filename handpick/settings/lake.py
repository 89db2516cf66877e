"""`[lake]`: where the night keeps its files."""

from pathlib import Path

from pydantic import Field

from handpick.settings import Section


class LakeSettings(Section):
    """Folders, relative to the folder that holds `handpick.toml`."""

    root: Path = Field(Path("var/lake"), description="Parquet partitions, one per table and logical date.")
    landing: Path = Field(
        Path("var/landing"), description="Where the owner's files arrive, a folder per source."
    )
    media: Path = Field(
        Path("var/landing/media"), description="The only root that image and audio paths may point into."
    )
    truth: Path = Field(
        Path("var/truth"), description="The demo shop's hidden truth; only evaluation reads it."
    )
