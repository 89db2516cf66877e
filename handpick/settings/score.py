"""`[score]`: how the nightly lists are made from the model's scores."""

from typing import Literal

from pydantic import Field

from handpick.settings import Section


class ScoreSettings(Section):
    """Lengths, diversity, freshness, exploration and reasons of the lists."""

    n: int = Field(20, ge=1, le=1000, description="Phones on each user's list.")
    pool: int = Field(100, ge=1, description="Best phones per user that re-ranking chooses the list from.")
    similar: int = Field(10, ge=1, description="Phones in each `similar_items` list.")
    popular: int = Field(50, ge=1, description="Phones in each `popular_items` list.")
    engine: Literal["local", "spark"] = Field(
        "local", description="Where the top-N runs: in this process, or over user partitions on Spark."
    )
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|cuda(:\d+)?)$",
        description="`auto` takes a GPU where there is one, else the CPU; the lists are the same.",
    )
    users_at_once: int = Field(
        131_072,
        ge=1,
        description="Users whose factors are in memory at a time. Each such block looks at the night's events anew; the "
        "lists are the same, to the last bit for any multiple of 2048, the fusion model's own batch.",
    )
    block_users: int = Field(4096, ge=1, description="Users re-ranked at a time; bounds memory only.")
    diversity: float = Field(
        0.15,
        ge=0,
        le=1,
        description="Weight of unlikeness to what is already on the list (maximal marginal relevance).",
    )
    launch_days: int = Field(7, ge=0, description="Days for which a released phone counts as new.")
    launch_bonus: float = Field(
        0.1, ge=0, le=1, description="Relevance added to new phones, from 0 to 1 of the pool's range."
    )
    launch_floor: float = Field(
        0.3, ge=0, le=1, description="Guard: new phones below this share of the pool's range get no bonus."
    )
    launch_most: int = Field(3, ge=0, description="Guard: new phones that may gain by the bonus in one list.")
    explore_share: float = Field(
        0.05, ge=0, lt=1, description="Probability that a place shows a random phone of the pool instead."
    )
    explore_from_rank: int = Field(4, ge=1, description="Better places than this never explore.")
    popularity_half_life_days: float = Field(
        14, gt=0, description="Age at which an event counts half for popularity."
    )
    reason_anchors: int = Field(
        2,
        ge=0,
        le=5,
        description="Phones of a user's history that reasons may name; each costs one scoring of the users.",
    )
