"""`[evaluate]`: the windows in time and what is measured on them."""

from pydantic import Field

from handpick.settings import Section


class EvaluateSettings(Section):
    """The temporal split and the figures of the evaluation."""

    test_days: int = Field(7, ge=1, description="Days at the end of history that models are tested on.")
    validation_days: int = Field(
        7, ge=1, description="Days before those that weights and stopping are chosen on."
    )
    cutoffs: tuple[int, ...] = Field(
        (10, 20), min_length=1, description="List lengths k of Recall@k, NDCG@k ..."
    )
    gate_cutoff: int = Field(
        20, ge=1, description="The k whose NDCG decides: blend weights, the gate, the report."
    )
    resamples: int = Field(1000, ge=100, description="Bootstrap resamples of users behind each interval.")
    launch_days: int = Field(
        7, ge=1, description="Days from its release in which a phone is in its launch week."
    )
    segments: tuple[int, ...] = Field(
        (0, 1, 5),
        min_length=1,
        description="Lower ends of the activity segments, in positive events before the window.",
    )
    most_users: int = Field(
        50_000, ge=100, description="Users measured at most, a seeded sample where the window has more."
    )
