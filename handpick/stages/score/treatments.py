"""Treatments: how the lists of an experiment's variants differ from everybody else's, and whose they are.

Users with the same treatment are an arm. Users of controls and of no experiment are one arm, the first, with
the lists that they would have without any experiment.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

import numpy as np

from handpick.dataset.experiments.actions import find_running
from handpick.dataset.experiments.assignment import assign_variants, name_assignments
from handpick.errors import NightStopped
from handpick.night import Night
from handpick.runtime.log import log_progress
from handpick.settings import Section
from handpick.settings.experiments import Variant
from handpick.stages.gate.public import read_followed_variants
from handpick.stages.score.champion import Champion, PopularityOnly
from handpick.stages.score.cohorts import Cohort
from handpick.stages.score.list_plan import ListPlan
from handpick.stages.score.rules import evaluate_rules
from handpick.stages.score.rules.campaigns import list_pins, sum_boosts
from handpick.stages.score.scorer import Scorer
from models.dataset import IntArray, StringArray, Users
from models.hybrids.segments import list_segments

S = TypeVar("S", bound=Section)


class Treatment(NamedTuple):
    """The variants that decide the parts of a list; None where it is as for everybody else."""

    scores: Variant | None = None
    rules: Variant | None = None
    rerank: Variant | None = None

    def apply(self, variant: Variant) -> Treatment:
        """Return the treatment with the parts that a variant changes."""
        return self._replace(**dict.fromkeys(variant.changed_parts, variant))


@dataclass(frozen=True)
class Assignments:
    """Who gets which treatment tonight.

    Args:
        groups: `(treatment, indices of its users, ascending)`, that of everybody else first; together they
            are all users.
        names: `(users,)` names of each user's experiments and of their variants; empty for none.
        counts: Number of users by experiment and variant.
    """

    groups: list[tuple[Treatment, IntArray]]
    names: tuple[StringArray, StringArray]
    counts: dict[str, dict[str, int]]


@dataclass(frozen=True)
class Arm:
    """The users of one treatment, with their finished lists.

    Args:
        plan: Rules, settings and catalogue of their lists.
        scorer: What scored them.
        cohorts: Their lists.
    """

    plan: ListPlan
    scorer: Scorer
    cohorts: list[Cohort]


def assign_treatments(night: Night, users: Users) -> Assignments:
    """Assign each user their treatment: that of their variants, else what was promoted, else none.

    Raises:
        NightStopped: If the settings of a running experiment were changed after it was started.
    """
    base = Treatment()
    for variant in read_followed_variants(night):
        base = base.apply(variant)
    experiments = find_running(night)
    variants = [assign_variants(one, users) for one in experiments]
    codes = np.stack([np.full(len(users), -1), *variants], axis=1)
    kinds, kind_of = np.unique(codes, axis=0, return_inverse=True)
    # Compared and not looked up: variants hold dictionaries, and there are few of them.
    treatments, numbers = [base], np.zeros(len(kinds), np.int64)
    for row, kind in enumerate(kinds.tolist()):
        treatment = base
        for experiment, code in zip(experiments, kind[1:], strict=True):
            if code >= 0:
                treatment = treatment.apply(experiment.variants[code])
        if treatment not in treatments:
            treatments.append(treatment)
        numbers[row] = treatments.index(treatment)
    group_of = numbers[kind_of.ravel()]
    groups = [(treatment, np.flatnonzero(group_of == number)) for number, treatment in enumerate(treatments)]
    counts = {
        one.name: {variant.name: int((found == code).sum()) for code, variant in enumerate(one.variants)}
        for one, found in zip(experiments, variants, strict=True)
    }
    return Assignments(groups, name_assignments(experiments, variants, len(users)), counts)


def log_assignments(assignments: Assignments) -> None:
    """Log the number of users of each variant."""
    for name, sizes in assignments.counts.items():
        log_progress(
            f"  experiment {name}: " + ", ".join(f"{variant} {count:,}" for variant, count in sizes.items())
        )


def make_treated_plan(plan: ListPlan, treatment: Treatment) -> ListPlan:
    """Return the plan of a treatment's lists: everybody's, with the rules and the re-ranking that differ."""
    if treatment.rules is not None and treatment.rules.rules is not None:
        rules = _update_section(plan.rule_settings, treatment.rules.rules)
        plan = replace(
            plan,
            rule_settings=rules,
            rules=evaluate_rules(plan.shop, rules),
            boosts=sum_boosts(plan.shop, rules),
            pins=list_pins(plan.shop, rules),
        )
    if treatment.rerank is not None and treatment.rerank.rerank is not None:
        score = _update_section(plan.score_settings, treatment.rerank.rerank)
        days = plan.shop.days_since_release
        is_launch = (days >= 0) & (days < score.launch_days)
        plan = replace(plan, score_settings=score, phones=replace(plan.phones, is_launch=is_launch))
    return plan


def make_treated_scorer(scorer: Scorer, treatment: Treatment, night: Night) -> Scorer:
    """Return what scores a treatment's users.

    Raises:
        NightStopped: If a variant names a member that the champion's night did not train.
    """
    variant = treatment.scores
    if variant is None:
        return scorer
    if variant.is_holdout or not isinstance(scorer, Champion):
        # Without a champion there are no members: whatever the variant names, popularity makes its lists.
        return PopularityOnly(night.settings.family.content, night.seed)
    weights: dict[str, float] = (
        {variant.model: 1.0}
        if variant.model
        else {str(name): weight for name, weight in (variant.blend or {}).items()}
    )
    missing = sorted(name for name, weight in weights.items() if weight and name not in scorer.blend.members)
    if missing:
        raise NightStopped(
            f"the variant {variant.name} of an experiment scores by {', '.join(missing)}, which the "
            "champion's night did not train. No list was written, the lists published last stay; put it into "
            "family.members, or stop the experiment."
        )
    segments = dict.fromkeys(list_segments(scorer.blend.bounds), weights)
    return replace(scorer, blend=replace(scorer.blend, weights=segments))


def _update_section(section: S, changes: S) -> S:
    """Return a section with the keys that were set in another one."""
    return section.model_copy(update={name: getattr(changes, name) for name in changes.model_fields_set})
