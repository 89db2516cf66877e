"""`[privacy]`: people who were erased, and those who did not consent."""

from pathlib import Path

from pydantic import Field, SecretStr

from handpick.settings import Section


class PrivacySettings(Section):
    """Who was erased, without the people themselves, and what consent means: see docs/privacy.md."""

    path: Path = Field(
        Path("var/privacy"),
        description="Folder of the erased users' keyed hashes, of the key, and of the proofs of erasures. It "
        "must outlive the lake: without it a night would take an erased person for a new one.",
    )
    learn_without_consent: bool = Field(
        True,
        description="Whether models learn from events and queries of users without consent, who get popular "
        "phones only. If not, models and metrics leave them out; counts of a phone stay those of everybody.",
    )
    key: SecretStr | None = Field(
        None,
        min_length=16,
        description="Key of the hashes, at least 16 characters. Set it by the environment variable "
        "HANDPICK__PRIVACY__KEY; without it a random one is made in `path`, readable by this user only.",
    )
