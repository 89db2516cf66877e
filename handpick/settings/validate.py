"""`[validation]`: when bad rows are only counted, and when they stop the night."""

from pydantic import Field

from handpick.settings import Section


class ValidateSettings(Section):
    """Thresholds of the validation; shares are of a source's rows tonight."""

    stop_share: float = Field(
        0.2,
        gt=0,
        le=1,
        description="More quarantined rows than this stop the night; rows that are there already do not count.",
    )
    stop_least_rows: int = Field(
        3,
        ge=1,
        description="Fewer quarantined rows than this do not stop the night by their share, unless they are all rows.",
    )
    warn_share: float = Field(0.05, ge=0, le=1, description="More quarantined rows than this are a warning.")
    stop_shares_by_rule: dict[str, float] = Field(
        {}, description="The same for single rules, by their reason, such as `missing user_id`."
    )
    warn_shares_by_rule: dict[str, float] = Field(
        {}, description="Shares of single rules that are a warning, by their reason."
    )
    volume_low: float | None = Field(
        None,
        ge=0,
        description="Fewer rows than this share of the median stop the night; else the contract's.",
    )
    volume_high: float | None = Field(
        None, gt=1, description="More rows than this multiple of the median stop it; else the contract's."
    )
    volume_nights: int = Field(
        7, ge=1, description="Nights that the median is taken over; the first night is free."
    )
    duplicate_nights: int = Field(
        60, ge=0, description="Earlier nights in which a log row's key must be new."
    )
    bot_views_per_hour: int = Field(
        10_000, ge=1, description="A user with this many views in a clock hour is reported as a bot."
    )
    expectations_rows: int = Field(
        20_000, ge=1000, description="Rows per source that Great Expectations looks at one by one."
    )
    max_image_bytes: int = Field(20_000_000, description="Larger pictures are set aside.")
    max_image_pixels: int = Field(50_000_000, description="Pictures of more pixels are set aside, undecoded.")
    max_audio_bytes: int = Field(20_000_000, description="Larger recordings are set aside.")
    max_audio_seconds: float = Field(60.0, description="Longer recordings are set aside.")
