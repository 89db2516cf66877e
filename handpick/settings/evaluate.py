"""`[evaluate]`: the temporal split, and what is measured on it."""

from pydantic import Field

from handpick.settings import Section


class EvaluateSettings(Section):
    """The temporal split and the metrics of the evaluation."""

    test_days: int = Field(7, ge=1, description="Days of the test window, at the end of the history.")
    validation_days: int = Field(
        7,
        ge=1,
        description="Days of the validation window before it, on which blend weights and early stopping are "
        "decided.",
    )
    cutoffs: tuple[int, ...] = Field(
        (10, 20), min_length=1, description="List lengths k of Recall@k, NDCG@k and the other metrics."
    )
    gate_cutoff: int = Field(
        20, ge=1, description="The k of the NDCG that blend weights, the gate and the report use."
    )
    resamples: int = Field(
        1000, ge=100, description="Bootstrap resamples of users for each confidence interval."
    )
    launch_days: int = Field(
        7, ge=1, description="Days from its release during which a phone belongs to the slice `launch_week`."
    )
    segments: tuple[int, ...] = Field(
        (0, 1, 5),
        min_length=1,
        description="Lower bounds of the activity segments, in positive events before the window.",
    )
    max_users: int = Field(
        50_000, ge=100, description="Largest number of users that are measured; of more, a seeded sample."
    )
