"""`[gate]`: when tonight's model (the challenger) replaces the model that scores the lists (the champion)."""

from pydantic import Field

from handpick.settings import Section


class GateSettings(Section):
    """The challenger's non-inferiority test, and the sanity checks that reject it whatever its metrics."""

    margin: float = Field(
        0.02,
        ge=0,
        lt=1,
        description="Non-inferiority margin: loss of NDCG over all users, as a share of the champion's, "
        "that must be ruled out.",
    )
    slice_margin: float = Field(
        0.15,
        ge=0,
        lt=1,
        description="The same margin on each gated slice; wider, as slices have fewer users.",
    )
    risk: float = Field(
        0.05,
        gt=0,
        lt=0.5,
        description="Significance level: probability of promoting a challenger that is worse by the margin.",
    )
    slices: tuple[str, ...] = Field(
        ("warm", "cold_item", "cold_user", "query_only", "launch_week"),
        description="Slices that are tested in addition to all users.",
    )
    min_slice_users: int = Field(
        200, ge=20, description="Slices with fewer users are reported but not tested."
    )
    max_identical_lists: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Largest share of warm users who may get the same list; above it the lists count as "
        "constant.",
    )
    max_popularity_overlap: float = Field(
        0.9,
        gt=0,
        le=1,
        description="Largest mean overlap with the lists of `popularity`; above it the model counts as a "
        "copy of popularity.",
    )
    min_coverage: float = Field(
        0.03, ge=0, le=1, description="Smallest share of the phones on sale that must be on some list."
    )
    min_relative_coverage: float = Field(
        0.5, gt=0, le=1, description="Smallest coverage, as a share of the champion's."
    )
    implausible_gain: float = Field(
        0.5,
        gt=0,
        description="Gain of NDCG over the champion, as a share of it, above which leaked test data is "
        "suspected.",
    )
    implausible_ratio: float = Field(
        4.0,
        gt=1,
        description="Multiple of the best family member's NDCG above which, without a champion, leaked test "
        "data is suspected.",
    )
    min_relative_users: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Smallest number of test users, as a share of those of the champion's night; below it "
        "tonight's data counts as truncated.",
    )
    max_detectable: float = Field(
        0.5,
        gt=0,
        description="Largest difference over all users, as a share of the rival's NDCG, that the test may "
        "need to be seen with 80 % probability. A shop whose test can only see larger ones has too few users "
        "for it: its gate decides by the estimate against the champion, and by `risk_of_few` against "
        "popularity.",
    )
    risk_of_few: float = Field(
        0.2, gt=0, lt=0.5, description="`risk` against popularity where there are too few users."
    )
    resamples: int = Field(1000, ge=200, description="Bootstrap resamples of users for each test.")
    follow_experiments: bool = Field(
        False,
        description="Give everybody the lists of the variants that `handpick experiment promote` has "
        "promoted.",
    )
