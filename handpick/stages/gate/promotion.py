"""The promotion: all checks of the challenger, and the decision that follows from them."""

from __future__ import annotations

from datetime import date
from math import ceil, inf

import numpy as np
from numpy.typing import NDArray

from handpick.dataset.evaluation_splits import TooFewUsers, build_splits
from handpick.dataset.model_store import create_popularity
from handpick.errors import DamagedData, MissingPartition
from handpick.lake.partitions import digest_partition
from handpick.ledger.flows import Flow, StageResult
from handpick.night import Night
from handpick.runtime.log import log_progress
from handpick.settings.gate import GateSettings
from handpick.stages.evaluate.public import load_blend
from handpick.stages.gate.decision_record import (
    DECISION_FILE,
    Decision,
    apply_override,
    find_previous_champion,
    read_decision,
    write_decision,
)
from handpick.stages.gate.experiments import follow_experiments
from handpick.stages.gate.noninferiority import Power, check_noninferiority, measure_power
from handpick.stages.gate.sanity_checks import (
    ModelResult,
    find_suspected_leak,
    find_truncated_data,
    has_finite_factors,
    run_sanity_checks,
)
from handpick.stages.train.public import log_decision
from models.dataset import Dataset
from models.evaluation.hits import find_hits
from models.evaluation.ndcg import ndcg_at_k
from models.evaluation.split import EvaluationSplit
from models.hybrids.weighted import Blend
from models.recommender_interface import Recommender
from models.topn.dense import find_top_n_in_float32

POPULAR_LISTS = "all users get what is popular in their country"


def decide_promotion(night: Night, data: Dataset) -> StageResult:
    """Check the challenger, decide which model scores the night, and write the decision.

    Where no model may score, popularity makes the lists: a shop's first night ends with lists, too.

    Args:
        night: The night to decide on.
        data: Everything that is known on its logical date.

    Raises:
        MissingPartition: If the night was not trained and evaluated.
    """
    try:
        test = build_splits(night, data)[1]
    except TooFewUsers as shortage:
        users, decision = 0, _decide_without_models(night, str(shortage))
    else:
        users, decision = len(test.users), _decide(night, test)
    earlier = night.lake.partition("gate", night.logical_date) / DECISION_FILE
    if earlier.is_file():
        # The stage has run before: a recorded override outlives running it again.
        kept = _read_override(night)
        if kept is not None:
            decision = apply_override(decision, night.logical_date, kept)
    decision = follow_experiments(night, decision)
    write_decision(night.lake, night.logical_date, decision)
    log_decision(night, decision.champion_date, decision.reasons)
    for reason in decision.reasons:
        log_progress(f"  {reason}")
    return StageResult(
        stage="gate",
        logical_date=night.logical_date,
        where=str(earlier.parent),
        flows=(Flow("test users", users, users),),
        digest=digest_partition(earlier.parent),
        notes={
            "promoted": decision.promoted,
            "champion_date": decision.champion_date and decision.champion_date.isoformat(),
            "reasons": decision.reasons,
            "override": decision.override,
        },
    )


def _read_override(night: Night) -> dict[str, str] | None:
    """Return the override that is recorded for tonight, None if there is none.

    Raises:
        DamagedData: If the decision is damaged: it may hold an override, which is not dropped in silence.
    """
    try:
        return read_decision(night.lake, night.logical_date).override
    except DamagedData:
        folder = night.lake.partition("gate", night.logical_date)
        if night.has_result("gate"):
            result = night.result("gate")
            if digest_partition(folder) == result.partitions.get("gate"):
                # Nobody has overridden since the stage wrote it, so its result knows what it held.
                kept: dict[str, str] | None = result.notes["override"]
                return kept
        raise DamagedData(
            f"{folder / DECISION_FILE} is not what was written, and may hold the override of a person, so "
            f"the gate does not decide over it. Remove {folder}, run `handpick gate --date "
            f"{night.logical_date}`, and record the override again if there was one."
        ) from None


def _decide(night: Night, test: EvaluationSplit) -> Decision:
    """Return the decision that the checks lead to, before any override."""
    settings = night.settings.gate
    previous, champion, reasons = _measure_champion(night, test)
    if not test.past.users.is_consented.any():
        return _decide_without_consent(night, test, previous if champion is not None else None, reasons)
    challenger = measure_model(
        load_blend(night, night.logical_date, "selection"), test, night.settings.evaluate.gate_cutoff
    )
    popularity = measure_model(
        create_popularity(night.settings.family), test, night.settings.evaluate.gate_cutoff
    )
    # NDCG by slice is NaN outside the slice, so the warm slice tells who is warm.
    is_warm = ~np.isnan(challenger.ndcg["warm"])
    against = run_sanity_checks(
        challenger, popularity, champion, is_warm=is_warm, candidates=test.candidates, settings=settings
    )
    power = measure_power(challenger, champion or popularity, settings)
    # Among few users a model is easily many times as good as another by chance.
    against += [] if power.is_too_low else find_suspected_leak(night, challenger, champion)
    against += find_truncated_data(night, test, previous if champion is not None else None)
    worse, table = check_noninferiority(challenger, popularity, champion, settings, night.seed)
    against += worse
    reasons = [describe_power(power, settings, "champion" if champion else "popularity"), *reasons]
    if against:
        refused = [f"refused: {line}" for line in against]
        if previous is None:
            refused.append(f"{POPULAR_LISTS}, until a model passes; `handpick override` promotes this one")
        return Decision(False, previous, previous, refused + reasons, table)
    rival = f"the champion of {previous}" if champion is not None else "popularity (there is no champion yet)"
    summary = (
        f"promoted: not worse than {rival} beyond the margins on any gated slice, and better than popularity"
    )
    return Decision(True, night.logical_date, previous, [summary, *reasons], table)


def _decide_without_models(night: Night, shortage: str) -> Decision:
    """Decide for a night with too few users to compare models: the champion stays, or popularity speaks."""
    previous = find_previous_champion(night.lake, night.logical_date)
    kept = f"the champion of {previous} stays" if previous else POPULAR_LISTS
    return Decision(False, previous, previous, [f"no model was compared: {shortage}", kept])


def describe_power(power: Power, settings: GateSettings, rival: str) -> str:
    """Return in words what the test can see, and what it does where that is too little."""
    if power.users < 2:
        return f"{power.users:,} test users: too few to tell models apart"
    if power.detectable == inf:
        return f"{power.users:,} test users: the {rival}'s NDCG is 0, of which no difference is a share"
    seen = (
        f"{power.users:,} test users: a difference of {power.detectable:.0%} of the {rival}'s NDCG or more "
        f"is seen with 80 % probability at {settings.risk:.0%} risk"
    )
    if not power.is_too_low:
        return seen
    enough = ceil(power.users * (power.detectable / settings.max_detectable) ** 2)
    return (
        f"{seen}; that is too few for a firm decision ({settings.max_detectable:.0%} would take about "
        f"{enough:,} users), so the estimate decides against the champion, and "
        f"{1 - settings.risk_of_few:.0%} confidence against popularity"
    )


def _decide_without_consent(
    night: Night, test: EvaluationSplit, champion_date: date | None, reasons: list[str]
) -> Decision:
    """Decide for a night on which no user has consented, and so no model makes anybody's list.

    Comparing models by such lists would say nothing of what is published. The model still tells which phones
    are alike, so it must be one whose factors are finite.
    """
    nobody = (
        f"nobody consented to personal lists: all {len(test.past.users):,} users get what is popular in "
        "their country, and no model was compared"
    )
    if champion_date is not None:
        kept = f"the champion of {champion_date} stays, for the lists of similar phones"
        return Decision(False, champion_date, champion_date, [nobody, kept, *reasons])
    blend = load_blend(night, night.logical_date, "selection")
    if not has_finite_factors(blend.factors(test.past, test.users)):
        return Decision(
            False, None, None, ["refused: its scores hold NaN or infinite values", nobody, *reasons]
        )
    first = (
        f"the model of {night.logical_date} makes the lists of similar phones, as there is no champion yet"
    )
    return Decision(True, night.logical_date, None, [nobody, first, *reasons])


def measure_model(model: Recommender | Blend, test: EvaluationSplit, k: int) -> ModelResult:
    """Rank the test split by a model and compute its NDCG@k by slice.

    NaN scores rank last rather than raise: the sanity checks refuse them with a reason.
    """
    factors = model.factors(test.past, test.users)
    lists = find_top_n_in_float32(factors, k, test.exclude, test.candidates)
    by_slice: dict[str, NDArray[np.float64]] = {}
    for name, relevant in test.slices.items():
        # A user without relevant items in a slice is not in it; 0 would count as a miss.
        values = ndcg_at_k(find_hits(lists, relevant), k)
        by_slice[name] = np.where(np.diff(relevant.indptr) > 0, values, np.nan)
    return ModelResult(lists, by_slice, has_finite_factors(factors))


def _measure_champion(
    night: Night, test: EvaluationSplit
) -> tuple[date | None, ModelResult | None, list[str]]:
    """Return the champion's date and its results on tonight's test split, or the reason why it has none."""
    previous = find_previous_champion(night.lake, night.logical_date)
    if previous is None:
        return None, None, []
    try:
        blend = load_blend(night, previous, "selection")
    except MissingPartition as missing:
        return None, None, [f"the champion of {previous} cannot be loaded and counts as absent: {missing}"]
    return previous, measure_model(blend, test, night.settings.evaluate.gate_cutoff), []
