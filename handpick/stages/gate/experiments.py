"""What people concluded from experiments: the gate follows it where `gate.follow_experiments` says so."""

from __future__ import annotations

from dataclasses import replace

from handpick.dataset.experiments.actions import PROMOTE, find_promoted, read_actions
from handpick.errors import NightStopped
from handpick.night import Night
from handpick.settings.experiments import Variant
from handpick.stages.gate.decision_record import Decision, read_decision


def follow_experiments(night: Night, decision: Decision) -> Decision:
    """Return the decision with the variants that were promoted, and a reason for each.

    Without `gate.follow_experiments` promotions are only mentioned.
    """
    promoted = find_promoted(night)
    declared = {action.experiment for _, action in promoted}
    follows, reasons = [], []
    for experiment, action in promoted:
        told = f"{action.who} promoted {action.variant} of the experiment {experiment.name}: {action.why}"
        if night.settings.gate.follow_experiments:
            follows.append({"experiment": experiment.name, "variant": action.variant})
            reasons.append(f"{told}; everybody gets its lists")
        else:
            reasons.append(f"{told}; not followed, as gate.follow_experiments is off")
    for action in read_actions(night.lake):
        is_past = action.action == PROMOTE and action.night <= night.logical_date
        if is_past and action.experiment not in declared:
            reasons.append(
                f"{action.variant} of the experiment {action.experiment} was promoted, but handpick.toml "
                "does not declare it any more; not followed"
            )
    return replace(decision, reasons=[*decision.reasons, *reasons], follows=follows)


def read_followed_variants(night: Night) -> list[Variant]:
    """Return the variants that the gate decided to follow on a night, in the order in which they apply.

    Raises:
        NightStopped: If the settings do not declare one of them any more.
    """
    if not night.lake.has("gate", night.logical_date):
        return []
    declared = {one.name: one for one in night.settings.experiments}
    found = []
    for followed in read_decision(night.lake, night.logical_date).follows:
        experiment = declared.get(followed["experiment"])
        variant = None if experiment is None else experiment.find_variant(followed["variant"])
        if variant is None:
            raise NightStopped(
                f"the gate of {night.logical_date} follows {followed['variant']} of the experiment "
                f"{followed['experiment']}, which handpick.toml does not declare any more. No list "
                f"was written; declare it again, or run `handpick gate --date {night.logical_date}` for a "
                "decision without it."
            )
        found.append(variant)
    return found
