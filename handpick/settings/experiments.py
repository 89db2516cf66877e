"""`[[experiments]]`: comparisons of list versions on randomly chosen users, each with a name and dates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Literal, Self

from pydantic import Field, model_validator

from handpick.settings import Section
from handpick.settings.rules import RulesSettings
from handpick.settings.score import ScoreSettings
from models.config import MEMBERS

Metric = Literal["conversion", "purchases", "revenue", "views", "list_conversion"]
"""What an experiment may be decided by; each is a number per user, counted from the first exposure on."""
RERANKING = frozenset(
    {
        "diversity",
        "launch_days",
        "launch_bonus",
        "launch_floor",
        "max_launch_items",
        "explore_share",
        "explore_from_rank",
    }
)
"""Keys of `[score]` that a variant may change."""
NAME_PATTERN = "^[a-z0-9][a-z0-9_-]{0,47}$"
"""Names of experiments and variants: they stand in columns, and several are joined by `+`."""
SHARE_TOLERANCE = 1e-9
MAX_DAYS = 366
"""Longest experiment: afterwards its users are others, and its intervals wide for the sake of its end."""


class Audience(Section):
    """The users who take part, by facts that do not change while an experiment runs."""

    countries: tuple[str, ...] = Field((), description="Only users of these countries; empty for all.")
    locales: tuple[str, ...] = Field((), description="Only users of these locales; empty for all.")
    needs_consent: bool = Field(
        True,
        description="Only users who consented to personal lists. All others get popular phones whatever the "
        "variant, so they would only blur the comparison.",
    )


class Variant(Section):
    """One of the lists that are compared; what is not set is as for everybody else."""

    name: str = Field(pattern=NAME_PATTERN, description="Name, shown in the column `variant`.")
    share: float = Field(gt=0, le=1, description="Share of the experiment's users.")
    model: MEMBERS | Literal["fusion"] | None = Field(
        None, description="Score by this member of the champion alone."
    )
    blend: dict[MEMBERS | Literal["fusion"], float] | None = Field(
        None, description="Score by these members of the champion, with these weights for all users."
    )
    is_holdout: bool = Field(
        False, description="Give these users what is popular in their country, as if no model scored."
    )
    rules: RulesSettings | None = Field(None, description="Keys of `[rules]` that differ.")
    rerank: ScoreSettings | None = Field(
        None, description=f"Keys of `[score]` that differ, of {', '.join(sorted(RERANKING))}."
    )

    @property
    def changed_parts(self) -> frozenset[str]:
        """Which parts of the lists it changes: `scores`, `rules` and `rerank`; none for a control."""
        is_scored = self.model is not None or self.blend is not None or self.is_holdout
        named = (("scores", is_scored), ("rules", self.rules), ("rerank", self.rerank))
        return frozenset(name for name, is_set in named if is_set)

    @model_validator(mode="after")
    def _check_parts(self) -> Self:
        """Reject two kinds of scores, weights that are no blend, and keys that are not of the re-ranking."""
        if (self.model is not None) + (self.blend is not None) + self.is_holdout > 1:
            raise ValueError(f"variant {self.name} has more than one of model, blend and is_holdout")
        if self.blend is not None and (
            not any(self.blend.values()) or min(self.blend.values(), default=0) < 0
        ):
            raise ValueError(f"the blend of variant {self.name} needs weights of 0 or more, one above 0")
        others = sorted((self.rerank.model_fields_set if self.rerank else set()) - RERANKING)
        if others:
            raise ValueError(
                f"variant {self.name} may not change {', '.join(others)} of [score], only "
                f"{', '.join(sorted(RERANKING))}"
            )
        return self


class ExperimentSettings(Section):
    """A comparison of variants of the lists; it runs once `handpick experiment start` has started it."""

    name: str = Field(pattern=NAME_PATTERN, description="Name, shown in the column `experiment`.")
    starts_on: date = Field(description="First logical date whose lists have variants.")
    ends_on: date = Field(
        description="Last logical date. It is part of the statistics: intervals hold on every day up to it."
    )
    variants: tuple[Variant, ...] = Field(
        min_length=2, description="The variants; the first one is the control. Shares add up to 1."
    )
    layer: str = Field(
        "lists",
        pattern=NAME_PATTERN,
        description="Experiments of one layer share no user. Those of different layers do, independently, "
        "and must change different parts of the lists.",
    )
    share: float = Field(1.0, gt=0, le=1, description="Share of the layer's users who take part.")
    offset: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Where its users begin in the layer, so that several experiments find room beside one "
        "another: 0.5 with a share of 0.5 is the second half.",
    )
    audience: Audience = Field(Audience(), description="The users who take part.")
    metric: Metric = Field(
        "conversion",
        description="What decides: `conversion` (bought anything), `purchases`, `revenue`, `views`, or "
        "`list_conversion` (bought a phone of the list that was shown).",
    )
    risk: float = Field(
        0.05,
        gt=0,
        lt=0.5,
        description="Probability of calling a difference where there is none, over all days of looking and "
        "all variants together.",
    )
    min_effect: float = Field(
        0.02,
        gt=0,
        description="Relative change of the metric that is worth finding; the report says with which "
        "probability it is found, and how many days that takes.",
    )
    max_return_increase: float = Field(
        0.1,
        ge=0,
        description="Guardrail: relative increase of returns per user from which the report warns.",
    )
    min_coverage: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Guardrail: smallest number of different phones on a variant's lists, as a share of the "
        "control's on as many lists.",
    )
    seed: int = Field(0, ge=0, description="Another seed draws other users for the variants.")

    @property
    def control(self) -> Variant:
        """The variant that the others are compared with."""
        return self.variants[0]

    def find_variant(self, name: str) -> Variant | None:
        """Return a variant by name; None if there is none."""
        return next((one for one in self.variants if one.name == name), None)

    @model_validator(mode="after")
    def _check_consistency(self) -> Self:
        """Reject dates out of order, shares that do not add up, and names that stand twice."""
        if self.ends_on < self.starts_on:
            raise ValueError(f"experiment {self.name} ends on {self.ends_on}, before it starts")
        if (self.ends_on - self.starts_on).days >= MAX_DAYS:
            raise ValueError(f"experiment {self.name} is longer than {MAX_DAYS} days; end it earlier")
        total = sum(one.share for one in self.variants)
        if abs(total - 1) > SHARE_TOLERANCE:
            raise ValueError(f"the shares of the variants of {self.name} add up to {total:g} instead of 1")
        if self.offset + self.share > 1 + SHARE_TOLERANCE:
            raise ValueError(f"experiment {self.name}: offset and share add up to more than 1")
        twice = [name for name, count in Counter(one.name for one in self.variants).items() if count > 1]
        if twice:
            raise ValueError(f"experiment {self.name} has two variants of the name {twice[0]}")
        return self

    def overlaps(self, other: ExperimentSettings) -> bool:
        """Return whether there is a date on which both run."""
        return self.starts_on <= other.ends_on and other.starts_on <= self.ends_on


def check_experiments(experiments: Sequence[ExperimentSettings]) -> None:
    """Check that experiments do not get into one another's way.

    Raises:
        ValueError: If two have one name, share users of a layer, or change the same part of the same lists.
    """
    for place, one in enumerate(experiments):
        for other in experiments[:place]:
            if one.name == other.name:
                raise ValueError(f"there are two experiments of the name {one.name}")
            if not one.overlaps(other):
                continue
            if one.layer == other.layer:
                first, second = sorted((one, other), key=lambda each: each.offset)
                if first.offset + first.share > second.offset + SHARE_TOLERANCE:
                    raise ValueError(
                        f"the experiments {first.name} and {second.name} of the layer {one.layer} run on the "
                        f"same dates and share users; set offset = {first.offset + first.share:g} for "
                        f"{second.name}, with a share that fits, or other dates"
                    )
                continue
            both = _list_changed_parts(one) & _list_changed_parts(other)
            if both:
                raise ValueError(
                    f"the experiments {other.name} and {one.name} run on the same dates and both change "
                    f"the {' and the '.join(sorted(both))} of the lists; put them into one layer"
                )


def _list_changed_parts(experiment: ExperimentSettings) -> frozenset[str]:
    """Return the parts of the lists that any of the variants changes."""
    return frozenset().union(*(one.changed_parts for one in experiment.variants))
