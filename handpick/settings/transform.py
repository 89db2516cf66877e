"""`[transform]`: the engine; what counts as a session and as a bot, and how much each event weighs."""

from typing import Literal

from pydantic import Field

from handpick.settings import Section

Spec = Literal[
    "display_inches", "battery_mah", "weight_g", "main_camera_mp", "selfie_camera_mp", "ram_gb", "storage_gb",
    "thickness_mm", "refresh_hz", "charging_w", "ppi", "os", "chipset", "network", "display_type", "sim",
    "build", "color_tags",
]  # fmt: skip
"""A specification, by its column of `clean/items`."""


class TransformSettings(Section):
    """The engine of validation and transforms; sessions, bots, event weights and position bias."""

    engine: Literal["auto", "duckdb", "spark"] = Field(
        "auto",
        description="Engine of validation and transforms: `duckdb` in this process, `spark`, or `auto`: "
        "Spark where `spark.master` names a cluster, else DuckDB. Both give the same bytes; Spark "
        "needs Java.",
    )
    memory: str = Field(
        "4GiB",
        pattern=r"^\d+(\.\d+)?(MiB|GiB)$",
        description="Memory that DuckDB may use there before it spills to files next to the warehouse's.",
    )
    threads: int | None = Field(
        None,
        ge=1,
        description="Threads of DuckDB in validation, transforms and the features' sources; one per core by "
        "default.",
    )

    session_gap_minutes: int = Field(
        30, ge=1, description="Minutes without an event after which a new session begins."
    )
    bot_events_per_hour: int = Field(
        500,
        ge=1,
        description="A user with more events than this within one hour, impressions not counted, counts as "
        "a bot on that night.",
    )
    weights: dict[str, float] = Field(
        {"view": 1.0, "cart": 3.0, "purchase": 5.0, "return": -4.0, "rating": 2.0},
        description="Weight of each event type; a rating's is scaled from -1 at one star to 1 at five.",
    )
    max_position_boost: float = Field(
        4.0,
        ge=1,
        description="Largest factor by which a click far down a list counts more than one at the top.",
    )
    default_position_exponent: float = Field(
        0.5,
        ge=0,
        le=2,
        description="Exponent of the examination propensity `position ** -exponent`, used until there are "
        "enough impressions to estimate it.",
    )
    min_position_impressions: int = Field(
        500,
        ge=1,
        description="Impressions that a position needs before its click rate is used in the estimate.",
    )
    co_purchase_days: int = Field(
        180,
        ge=1,
        description="Phones that a user buys within this many days of each other count as bought together.",
    )
    max_session_items: int = Field(
        50, ge=2, description="Phones of one session that form pairs: the first ones that were seen."
    )
    spec_keys: dict[Spec, tuple[str, ...]] = Field(
        {},
        description="Specification = the keys of your spec sheets that state it, where they are not found by "
        'themselves, such as `spec_keys.battery_mah = ["Ausdauer"]`. Other keys are not tried for it then.',
    )
    rows_per_file: int = Field(2_000_000, ge=1000, description="Rows of a table per file.")
