"""`[transform]`: what counts as a session, a bot, a sign of interest."""

from pydantic import Field

from handpick.settings import Section


class TransformSettings(Section):
    """Settings of `transform`."""

    session_gap_minutes: int = Field(30, ge=1, description="Silence after which a new session begins.")
    bot_events_per_hour: int = Field(
        500,
        ge=1,
        description="More events than this within one hour, impressions apart, make a user a bot for the night.",
    )
    weights: dict[str, float] = Field(
        {"view": 1.0, "cart": 3.0, "purchase": 5.0, "return": -4.0, "rating": 2.0},
        description="Strength of each event type; a rating's is scaled from -1 at one star to 1 at five.",
    )
    max_position_boost: float = Field(
        4.0, ge=1, description="Most that a click far down a slate may count above one at the top."
    )
    default_position_exponent: float = Field(
        0.5,
        ge=0,
        le=2,
        description="Propensity is position ** -exponent; used until enough impressions were seen.",
    )
    min_position_impressions: int = Field(
        500,
        ge=1,
        description="Impressions a position needs before its click rate takes part in the estimate.",
    )
    co_purchase_days: int = Field(
        180, ge=1, description="Two phones bought by one user within this many days are bought together."
    )
    max_session_items: int = Field(
        50, ge=2, description="Phones of one session that make pairs, the first ones seen."
    )
    rows_per_file: int = Field(
        2_000_000, ge=1000, description="Rows of a table from which it gets another file."
    )
