"""The evaluation of a night: which models are measured, what is stored, and that no model sees the future."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from handpick.dataset.evaluation_splits import build_test_split as held_out
from handpick.dataset.evaluation_splits import build_validation_split
from handpick.dataset.model_store import fit_family, load_members
from handpick.dataset.time_split import compute_time_split
from handpick.errors import NightStopped
from handpick.ledger.flows import StageResult
from handpick.night import Night
from handpick.stages.evaluate.blend_storage import load_blend
from handpick.stages.evaluate.measurement import measure_models
from models.dataset import Dataset
from models.evaluation.split import SLICES
from tests.models.collaborative.shop import DAY, DAYS, shop
from tests.stages.evaluate.conftest import MEMBERS


@pytest.fixture(scope="module")
def data() -> Dataset:
    return shop(users=240)


@pytest.fixture(scope="module")
def measured(tonight: Night, data: Dataset) -> StageResult:
    with tonight.lake.replace_partition("models", tonight.logical_date) as folder:
        fit_family(tonight, data, compute_time_split(tonight), folder / "family")
    return measure_models(tonight, data)


def test_windows_are_whole_days_before_the_end_of_the_night(tonight: Night) -> None:
    cut = compute_time_split(tonight)
    assert (cut.train_end, cut.validation_end, cut.test_end) == (
        (DAYS - 14) * DAY,
        (DAYS - 7) * DAY,
        DAYS * DAY,
    )


def test_every_member_and_hybrid_is_measured_on_every_slice(tonight: Night, measured: StageResult) -> None:
    table = pq.read_table(
        tonight.lake.partition("evaluation", tonight.logical_date) / "metrics.parquet"
    ).to_pandas()
    assert set(table.member) == {
        *MEMBERS, "weighted", "stacked", "cascade_content_first", "cascade_behaviour_first"
    }  # fmt: skip
    ranked = table[table.metric == "ndcg"]
    assert set(ranked["slice"]) == set(SLICES)
    assert ((ranked.low <= ranked.value + 1e-12) & (ranked.value <= ranked.high + 1e-12)).all()
    overall = table[(table["slice"] == "all") & (table.member == "weighted")]
    assert {"coverage", "gini", "novelty", "diversity", "serendipity", "calibration_error"} <= set(
        overall.metric
    )
    assert {"brand_disparity", "price_disparity", "recall", "precision", "mrr", "map", "hit_rate"} <= set(
        overall.metric
    )


def test_the_blend_is_stored_with_sentences_and_can_be_loaded_for_scoring(
    tonight: Night, measured: StageResult, data: Dataset
) -> None:
    kept = json.loads((tonight.lake.partition("evaluation", tonight.logical_date) / "blend.json").read_text())
    assert set(kept["explained"]) == set(kept["segments"]) and kept["best"] in MEMBERS
    for which in ("selection", "serving"):
        blend = load_blend(tonight, tonight.logical_date, which)
        factors = blend.factors(data, np.arange(5))
        assert factors.users.shape[0] == 5 and factors.items.shape[0] == len(data.catalogue)
        assert set(blend.name_sources(data, np.arange(5))) <= {"+".join(s) for s in _orders(kept["segments"])}


def _orders(segments: dict[str, dict[str, float]]) -> list[list[str]]:
    return [sorted(part, key=lambda m: (-part[m], m)) for part in segments.values()]


def test_the_weighted_hybrid_beats_every_member_or_ties_within_the_interval(
    tonight: Night, measured: StageResult
) -> None:
    table = pq.read_table(
        tonight.lake.partition("evaluation", tonight.logical_date) / "metrics.parquet"
    ).to_pandas()
    rows = table[(table.metric == "ndcg") & (table.k == 20) & (table["slice"] == "all")].set_index("member")
    assert all(rows.high["weighted"] >= rows.value[name] for name in MEMBERS)
    assert rows.low["weighted"] > rows.high["popularity"]


def test_measuring_again_gives_the_same_bytes(tonight: Night, measured: StageResult, data: Dataset) -> None:
    assert measure_models(tonight, data).digest == measured.digest


def test_selection_models_know_nothing_of_either_window(
    tonight: Night, measured: StageResult, data: Dataset
) -> None:
    """Changing everything after the end of training leaves the models the same, bit for bit."""
    cut = compute_time_split(tonight)
    late = data.interactions.at >= cut.train_end
    changed = replace(
        data, interactions=replace(data.interactions, item=np.where(late, 0, data.interactions.item))
    )
    folder = tonight.lake.root / "again"
    fit_family(tonight, changed, cut, folder / "family")
    for name in MEMBERS:
        first = tonight.lake.partition("models", tonight.logical_date) / "family" / "selection" / name
        again = folder / "family" / "selection" / name
        assert (first / "arrays.safetensors").read_bytes() == (again / "arrays.safetensors").read_bytes(), (
            name
        )


def test_both_splits_hold_only_what_happened_before_them(tonight: Night, data: Dataset) -> None:
    cut = compute_time_split(tonight)
    assert build_validation_split(tonight, data).past.as_of == cut.train_end
    assert held_out(tonight, data).past.interactions.at.max() < cut.validation_end


def test_a_night_with_too_little_history_stops_with_one_line(tonight: Night, data: Dataset) -> None:
    young = replace(data, interactions=data.interactions.between((DAYS - 10) * DAY, DAYS * DAY))
    with pytest.raises(NightStopped, match="nothing can be learned"):
        fit_family(tonight, young, compute_time_split(tonight), tonight.lake.root / "young")
    with pytest.raises(NightStopped, match="in the 7 days of the test window"):
        held_out(tonight, data.until(compute_time_split(tonight).validation_end))


def test_members_come_back_by_name(tonight: Night, measured: StageResult) -> None:
    assert set(load_members(tonight, tonight.logical_date, "serving")) == set(MEMBERS)
