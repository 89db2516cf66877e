"""`[lake]`: the folders of landing files, media, the lake's tables and the demo shop's truth."""

from pathlib import Path

from pydantic import Field

from handpick.settings import Section


class LakeSettings(Section):
    """Folders, relative to the folder that holds `handpick.toml`."""

    root: Path = Field(Path("var/lake"), description="Parquet partitions, one per table and logical date.")
    landing: Path = Field(
        Path("var/landing"), description="Folder in which the owner's files arrive, a folder per source."
    )
    media: Path = Field(
        Path("var/landing/media"),
        description="Root of the images and recordings; paths in rows that lead out of it are rejected.",
    )
    truth: Path = Field(
        Path("var/truth"),
        description="The demo shop's hidden truth, from which evaluation computes the oracle.",
    )
    lock_timeout_s: float = Field(
        3600.0,
        ge=0,
        description="Seconds to wait for another process that runs the same night or writes the same table.",
    )
