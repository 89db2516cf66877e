"""`[validation]`: when invalid rows are counted, when they are a warning, and when they stop the night."""

from pydantic import Field

from handpick.settings import Section


class ValidateSettings(Section):
    """Thresholds of the validation. Shares are of a source's rows tonight."""

    stop_share: float = Field(
        0.2,
        gt=0,
        le=1,
        description="A larger share of quarantined rows stops the night; rows that an earlier night already "
        "has do not count.",
    )
    stop_min_rows: int = Field(
        3,
        ge=1,
        description="Fewer quarantined rows than this do not stop the night whatever their share, unless "
        "all rows are quarantined.",
    )
    warn_share: float = Field(
        0.05, ge=0, le=1, description="A larger share of quarantined rows is a warning."
    )
    stop_shares_by_rule: dict[str, float] = Field(
        {},
        description="The same share that stops the night for single rules, by their reason, such as "
        "`missing user_id`.",
    )
    warn_shares_by_rule: dict[str, float] = Field(
        {}, description="The same share that is a warning for single rules, by their reason."
    )
    volume_low: float | None = Field(
        None,
        ge=0,
        description="Fewer rows than this share of the median stop the night; without it, what 14 or more "
        "nights have taught, or until then the contract's share.",
    )
    volume_high: float | None = Field(
        None,
        gt=1,
        description="More rows than this multiple of the median stop the night; without it, what 14 or more "
        "nights have taught, or until then the contract's multiple.",
    )
    volume_nights: int = Field(
        7,
        ge=1,
        description="Earlier nights over which that median is taken; the first night has none and passes.",
    )
    duplicate_nights: int = Field(
        60, ge=0, description="Earlier nights whose rows an event's or query's key must not repeat."
    )
    bot_views_per_hour: int = Field(
        10_000, ge=1, description="A user with this many views within a clock hour is reported as a bot."
    )
    expectations_rows: int = Field(
        20_000, ge=1000, description="Rows per source that Great Expectations checks one by one."
    )
    max_image_bytes: int = Field(20_000_000, description="Larger image files are rejected.")
    max_image_pixels: int = Field(
        50_000_000, description="Images of more pixels are rejected without decoding them."
    )
    max_audio_bytes: int = Field(20_000_000, description="Larger audio files are rejected.")
    max_audio_seconds: float = Field(60.0, description="Longer recordings are rejected.")
