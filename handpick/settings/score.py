"""`[score]`: how the nightly lists are made from the model's scores."""

from typing import Literal

from pydantic import Field

from handpick.settings import Section


class ScoreSettings(Section):
    """Length, diversity, launch bonus, exploration and reasons of the lists."""

    n: int = Field(20, ge=1, le=1000, description="Phones on each user's list.")
    candidates: int = Field(
        100,
        ge=1,
        description="Candidates per user: the phones with the highest scores, from which re-ranking makes "
        "the list.",
    )
    similar: int = Field(10, ge=1, description="Phones in each `similar_items` list.")
    popular: int = Field(50, ge=1, description="Phones in each `popular_items` list.")
    engine: Literal["local", "spark"] = Field(
        "local",
        description="Where the top-N is computed: in this process, or by partitions of users on Spark.",
    )
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|cuda(:\d+)?)$",
        description="`auto` uses a GPU if there is one, else the CPU; the lists are the same.",
    )
    scoring_batch_users: int = Field(
        131_072,
        ge=1,
        description="Users whose factors are in memory at a time. Each batch reads the night's events "
        "again. The lists do not depend on it; scores are equal to the last bit for multiples of 2048, the "
        "fusion model's own batch.",
    )
    rerank_batch_users: int = Field(
        4096, ge=1, description="Users who are re-ranked at a time; bounds memory, and changes nothing else."
    )
    diversity: float = Field(
        0.15,
        ge=0,
        le=1,
        description="Weight of dissimilarity to the phones that are already on the list (maximal marginal "
        "relevance).",
    )
    launch_days: int = Field(7, ge=0, description="Days from its release during which a phone counts as new.")
    launch_bonus: float = Field(
        0.1,
        ge=0,
        le=1,
        description="Added to the relevance of new phones, as a share of the range of the user's candidates.",
    )
    launch_floor: float = Field(
        0.3,
        ge=0,
        le=1,
        description="Guard: new phones with a relevance below this share of that range get no bonus.",
    )
    max_launch_items: int = Field(
        3, ge=0, description="Guard: largest number of new phones that get the bonus in one list."
    )
    explore_share: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="Probability that a rank shows a random candidate instead of the best one left.",
    )
    explore_from_rank: int = Field(4, ge=1, description="First rank at which exploration may happen.")
    popularity_half_life_days: float = Field(
        14, gt=0, description="Half-life in days of an event's weight in the popular lists."
    )
    popular_min_people: int = Field(
        10,
        ge=1,
        description="People of a country who showed interest in a phone in the last 28 days, from which a "
        "reason says that it is popular there.",
    )
    reason_cart_days: int = Field(
        30,
        ge=0,
        description="Days for which a phone that was put into a cart counts as lying there, unless the user "
        "buys something; 0 for never.",
    )
    reason_anchors: int = Field(
        2,
        ge=0,
        le=5,
        description="Largest number of phones of a user's history that are tried as reasons; each costs one "
        "more scoring of the users.",
    )
