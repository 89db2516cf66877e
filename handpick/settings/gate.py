"""`[gate]`: when tonight's model may score the lists."""

from pydantic import Field

from handpick.settings import Section


class GateSettings(Section):
    """The risk that the gate takes, and what it refuses whatever the metrics."""

    margin: float = Field(
        0.02,
        ge=0,
        lt=1,
        description="Loss of NDCG, as a share of the champion's, that over all users must be excluded.",
    )
    slice_margin: float = Field(
        0.15, ge=0, lt=1, description="The same on each gated slice, where fewer users allow less certainty."
    )
    risk: float = Field(
        0.05, gt=0, lt=0.5, description="Probability of promoting a challenger that is worse by the margin."
    )
    slices: tuple[str, ...] = Field(
        ("warm", "cold_item", "cold_user", "query_only", "launch_week"),
        description="Slices gated beside all users.",
    )
    slice_users: int = Field(200, ge=20, description="Slices with fewer users are shown but not gated.")
    most_alike: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Share of warm users with the very same list above which lists count as constant.",
    )
    most_popular: float = Field(
        0.9,
        gt=0,
        le=1,
        description="Mean overlap with popularity's lists above which a model is popularity in disguise.",
    )
    least_coverage: float = Field(
        0.03, ge=0, le=1, description="Share of the phones on sale that lists must show."
    )
    coverage_drop: float = Field(
        0.5, gt=0, le=1, description="Coverage, as a share of the champion's, below which it has collapsed."
    )
    implausible_gain: float = Field(
        0.5, gt=0, description="Gain of NDCG over the champion, as a share, above which a leak is suspected."
    )
    implausible_ratio: float = Field(
        4.0,
        gt=1,
        description="Times the best family member's NDCG above which, without a champion, a leak is suspected.",
    )
    least_users: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Test users, as a share of the champion's night, below which data counts as truncated.",
    )
    resamples: int = Field(1000, ge=200, description="Bootstrap resamples of users.")
