"""`[privacy]`: people who were erased."""

from pathlib import Path

from pydantic import Field, SecretStr

from handpick.settings import Section


class PrivacySettings(Section):
    """Where it is remembered, without the people themselves, who was erased: see docs/privacy.md."""

    path: Path = Field(
        Path("var/privacy"),
        description="Folder of the erased users' keyed hashes, of the key, and of the proofs of erasures. It "
        "must outlive the lake: without it a night would take an erased person for a new one.",
    )
    key: SecretStr | None = Field(
        None,
        min_length=16,
        description="Key of the hashes, at least 16 characters. Set it by the environment variable "
        "HANDPICK__PRIVACY__KEY; without it a random one is made in `path`, readable by this user only.",
    )
