"""`[drift]`: how tonight's distributions are compared with those of the nights before."""

from pydantic import Field

from handpick.settings import Section


class DriftSettings(Section):
    """Drift of inputs, features, embeddings, scores and lists: docs/drift.md."""

    nights: int = Field(28, ge=14, description="Nights before, with which a night is compared.")
    nights_per_false_alarm: float = Field(
        100.0,
        ge=2,
        description="One night in so many has a false alarm, over all distributions together, as long as "
        "nothing drifts.",
    )
