"""`[validate]`: when bad rows are only counted, and when they stop the night."""

from pydantic import Field

from handpick.settings import Section


class ValidateSettings(Section):
    """Thresholds of the validation; shares are of a source's rows tonight."""

    stop_share: float = Field(0.2, gt=0, le=1, description="More quarantined rows than this stop the night.")
    stop_shares_by_rule: dict[str, float] = Field(
        {}, description="The same for single rules, by their reason."
    )
    warn_share: float = Field(0.05, ge=0, le=1, description="More quarantined rows than this are a warning.")
    volume_low: float = Field(
        0.1, ge=0, description="Fewer rows than this share of the last nights' median stop it."
    )
    volume_high: float = Field(20.0, gt=1, description="More rows than this multiple of the median stop it.")
    volume_nights: int = Field(
        7, ge=1, description="Nights that the median is taken over; the first night is free."
    )
    duplicate_nights: int = Field(
        14, ge=0, description="Earlier nights in which a log row's key must be new."
    )
    expectations_rows: int = Field(
        200_000, ge=1000, description="Rows that Great Expectations looks at, per source."
    )
    max_image_bytes: int = Field(20_000_000, description="Larger pictures are set aside.")
    max_image_pixels: int = Field(50_000_000, description="Pictures of more pixels are set aside, undecoded.")
    max_audio_bytes: int = Field(20_000_000, description="Larger recordings are set aside.")
    max_audio_seconds: float = Field(60.0, description="Longer recordings are set aside.")
