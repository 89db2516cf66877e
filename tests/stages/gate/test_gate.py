"""The gate over several nights: which challengers are promoted or refused, and what an override changes."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from handpick.dataset.model_store import load_members
from handpick.errors import DamagedData, InputError, MissingPartition
from handpick.lake.checksums import CHECKSUM_FILE
from handpick.lake.partitions import digest_partition
from handpick.night import Night
from handpick.settings.gate import GateSettings
from handpick.stages.evaluate.measurement import measure_models
from handpick.stages.gate.decision_record import find_previous_champion, read_decision, record_override
from handpick.stages.gate.noninferiority import check_noninferiority, measure_power
from handpick.stages.gate.promotion import decide_promotion, describe_power
from handpick.stages.gate.sanity_checks import (
    ModelResult,
    measure_identical_share,
    measure_list_overlap,
    run_sanity_checks,
)
from models.collaborative.base import Member
from models.collaborative.user_neighbours import UserNeighbours
from models.config import UserNeighboursConfig
from models.dataset import Dataset
from tests.stages.gate.conftest import FIRST, SECOND, known_at, train

Two = tuple[Night, Night]


def corrupt(night: Night, change) -> None:
    """Change the selection models of a night in place."""
    folder = night.lake.partition("models", night.logical_date) / "family" / "selection"
    for name, member in load_members(night, night.logical_date, "selection").items():
        assert isinstance(member, Member)
        change(member)
        member.save(folder / name)
    (night.lake.partition("models", night.logical_date) / CHECKSUM_FILE).unlink(missing_ok=True)


def set_blend(night: Night, weights: dict[str, float]) -> None:
    """Replace the weights of a night's blend for all segments."""
    file = night.lake.partition("evaluation", night.logical_date) / "blend.json"
    kept = json.loads(file.read_text())
    kept["segments"] = dict.fromkeys(kept["segments"], weights)
    file.write_text(json.dumps(kept))
    (file.parent / CHECKSUM_FILE).unlink(missing_ok=True)


def decide_reasons(night: Night, data: Dataset) -> list[str]:
    decide_promotion(night, known_at(night, data))
    return read_decision(night.lake, night.logical_date).reasons


def test_a_first_night_that_beats_popularity_is_promoted(two: Two, data: Dataset) -> None:
    first, _ = two
    result = decide_promotion(first, known_at(first, data))
    decision = read_decision(first.lake, FIRST)
    assert decision.promoted and decision.champion_date == FIRST and decision.previous_champion is None
    assert result.notes["promoted"] is True and "better than popularity" in decision.reasons[0]
    assert {row["slice"] for row in decision.slices} >= {"all", "warm", "cold_user"}


def test_a_first_night_of_popularity_leaves_the_lists_to_popularity(two: Two, data: Dataset) -> None:
    first, _ = two
    set_blend(first, {"popularity": 1.0})
    result = decide_promotion(first, known_at(first, data))
    decision = read_decision(first.lake, FIRST)
    assert not decision.promoted and decision.champion_date is None and result.notes["champion_date"] is None
    assert "copy of popularity" in decision.reasons[0]
    assert any("all users get what is popular" in line for line in decision.reasons)
    assert find_previous_champion(first.lake, SECOND) is None


def test_a_night_with_too_few_users_keeps_the_champion_or_has_none(two: Two, data: Dataset) -> None:
    first, second = two
    quiet = known_at(first, data)
    quiet = replace(quiet, interactions=quiet.interactions.where(quiet.interactions.user < 15))
    decide_promotion(first, quiet)
    decision = read_decision(first.lake, FIRST)
    assert decision.champion_date is None and "at least 20" in decision.reasons[0]
    decide_promotion(first, known_at(first, data))
    shutil.rmtree(second.lake.partition("models", SECOND))
    assert measure_models(second, quiet).notes["not_measured"]
    decide_promotion(second, quiet)
    assert read_decision(second.lake, SECOND).champion_date == FIRST


def test_a_small_shop_is_told_what_its_gate_can_see_and_decides_by_the_estimate() -> None:
    random = np.random.default_rng(4)
    theirs = random.random(35) * (random.random(35) < 0.2)
    alike, worse = random.permutation(theirs), random.permutation(theirs) * 0.5

    def result(values: np.ndarray) -> ModelResult:
        return ModelResult(np.zeros((35, 20), np.int32), {"all": values}, True)

    settings = GateSettings()
    power = measure_power(result(alike), result(theirs), settings)
    assert power.users == 35 and power.is_too_low and 0.5 < power.detectable < 3
    large = ModelResult(np.zeros((3500, 20), np.int32), {"all": np.tile(alike, 100)}, True)
    assert not measure_power(large, large._replace(ndcg={"all": np.tile(theirs, 100)}), settings).is_too_low
    # The rule of a large shop would refuse it, as it would refuse nearly every model.
    firm = settings.model_copy(update={"max_detectable": 100.0})
    nothing = result(np.zeros(35))
    assert check_noninferiority(result(alike), nothing, result(theirs), firm, 0)[0]
    assert not check_noninferiority(result(alike), nothing, result(theirs), settings, 0)[0]
    assert check_noninferiority(result(worse), nothing, result(theirs), settings, 0)[0]
    unseen = measure_power(result(alike), nothing, settings)
    assert unseen.detectable == np.inf and not unseen.is_too_low
    assert describe_power(unseen, settings, "popularity") == (
        "35 test users: the popularity's NDCG is 0, of which no difference is a share"
    )


def test_an_equal_challenger_is_promoted_on_the_second_night(two: Two, data: Dataset) -> None:
    first, second = two
    decide_promotion(first, known_at(first, data))
    reasons = decide_reasons(second, data)
    decision = read_decision(second.lake, SECOND)
    assert decision.promoted, reasons
    assert decision.champion_date == SECOND and decision.previous_champion == FIRST
    everybody = next(row for row in decision.slices if row["slice"] == "all")
    assert everybody["champion"] > 0 and everybody["champion_gain"]["low"] > -0.1


def test_shuffled_labels_are_refused_and_the_champion_stays(two: Two, data: Dataset) -> None:
    first, second = two
    decide_promotion(first, known_at(first, data))
    random = np.random.default_rng(0)
    known = known_at(second, data)
    events = known.interactions
    shuffled = replace(known, interactions=replace(events, item=random.permutation(events.item)))
    train(second, shuffled)
    corrupt(
        second,
        lambda member: member.arrays.update({k: v * 0 for k, v in member.arrays.items() if "_text" in k}),
    )
    set_blend(second, {"item_cosine": 0.5, "user_cosine": 0.5})
    reasons = decide_reasons(second, data)
    decision = read_decision(second.lake, SECOND)
    assert not decision.promoted and decision.champion_date == FIRST
    assert any("against the champion's" in line for line in reasons)


def test_not_a_number_is_refused(two: Two, data: Dataset) -> None:
    first, second = two
    decide_promotion(first, known_at(first, data))
    corrupt(
        second,
        lambda m: m.arrays.update(weights=m.array("weights") * np.nan) if "weights" in m.arrays else None,
    )
    set_blend(second, {"item_cosine": 1.0})
    assert any("NaN" in line for line in decide_reasons(second, data))
    assert read_decision(second.lake, SECOND).champion_date == FIRST


def test_truncated_data_is_refused(two: Two, data: Dataset) -> None:
    """On the second night most users are missing; the models are fine on the rest."""
    first, second = two
    decide_promotion(first, known_at(first, data))
    known = known_at(second, data)
    part = replace(known, interactions=known.interactions.where(known.interactions.user < 70))
    train(second, part)
    measure_models(second, part)
    decide_promotion(second, part)
    decision = read_decision(second.lake, SECOND)
    assert not decision.promoted and any("truncated data" in line for line in decision.reasons)


def test_a_leaked_feature_is_refused_for_being_too_good(two: Two, data: Dataset) -> None:
    """The challenger was trained on the test week, and finds each user's relevant items in their history."""
    first, second = two
    decide_promotion(first, known_at(first, data))
    set_blend(first, {"item_cosine": 1.0})
    known = known_at(second, data)
    config = UserNeighboursConfig(neighbours=1)
    leaked = UserNeighbours(config).fit(known, 0)
    leaked.name = "user_cosine"
    leaked.save(second.lake.partition("models", SECOND) / "family" / "selection" / "user_cosine")
    set_blend(second, {"user_cosine": 1.0})
    (second.lake.partition("models", SECOND) / CHECKSUM_FILE).unlink(missing_ok=True)
    reasons = decide_reasons(second, data)
    assert any("suspected leak" in line for line in reasons), reasons
    assert read_decision(second.lake, SECOND).champion_date == FIRST


def test_a_champion_whose_models_are_gone_counts_as_absent(two: Two, data: Dataset) -> None:
    first, second = two
    decide_promotion(first, known_at(first, data))
    shutil.rmtree(first.lake.partition("models", FIRST))
    reasons = decide_reasons(second, data)
    assert read_decision(second.lake, SECOND).promoted
    assert any("cannot be loaded" in line for line in reasons)


def test_a_person_may_promote_what_was_refused_and_running_again_respects_it(two: Two, data: Dataset) -> None:
    first, _ = two
    set_blend(first, {"popularity": 1.0})
    decide_promotion(first, known_at(first, data))
    changed = record_override(first, to="promote", who="Ada", why="launch day, popularity is what we want")
    assert changed.promoted and changed.champion_date == FIRST
    decide_promotion(first, known_at(first, data))
    kept = read_decision(first.lake, FIRST)
    assert kept.champion_date == FIRST and kept.override is not None and kept.override["who"] == "Ada"
    assert any("refused" in line for line in kept.reasons)


def test_a_damaged_decision_is_made_again_unless_a_person_may_have_changed_it(
    two: Two, data: Dataset
) -> None:
    first, _ = two
    set_blend(first, {"popularity": 1.0})
    result = decide_promotion(first, known_at(first, data))
    file = first.lake.partition("gate", FIRST) / "decision.json"
    sound = file.read_bytes()
    stored = replace(result, partitions={"gate": digest_partition(file.parent)})
    first.result_file("gate").parent.mkdir(parents=True, exist_ok=True)
    first.result_file("gate").write_text(stored.to_json())
    file.write_bytes(sound.replace(b"popular", b"unknown"))
    decide_promotion(first, known_at(first, data))
    assert file.read_bytes() == sound
    record_override(first, to="promote", who="Ada", why="launch day")
    file.write_bytes(file.read_bytes().replace(b"Ada", b"Bob"))
    with pytest.raises(DamagedData, match="may hold the override of a person"):
        decide_promotion(first, known_at(first, data))


def test_a_person_may_refuse_what_was_promoted_if_a_champion_is_there(two: Two, data: Dataset) -> None:
    first, second = two
    decide_promotion(first, known_at(first, data))
    with pytest.raises(InputError, match="no earlier champion"):
        record_override(first, to="refuse", who="Ada", why="odd lists")
    decide_promotion(second, known_at(second, data))
    assert record_override(second, to="refuse", who="Ada", why="odd lists").champion_date == FIRST


def test_where_nobody_consented_no_model_is_compared_and_the_reason_says_so(two: Two, data: Dataset) -> None:
    nobody = replace(data, users=replace(data.users, is_consented=np.zeros_like(data.users.is_consented)))
    first, second = two
    for night in two:
        set_blend(night, {"popularity": 1.0})  # which would be refused as constant lists
    reasons = decide_reasons(first, nobody)
    assert read_decision(first.lake, FIRST).champion_date == FIRST
    assert "nobody consented to personal lists: all 240 users" in reasons[0]
    assert "no champion yet" in reasons[1]
    reasons = decide_reasons(second, nobody)
    assert read_decision(second.lake, SECOND).champion_date == FIRST
    assert not any("constant" in line for line in reasons)


def test_an_override_needs_a_name_a_reason_and_a_decision(two: Two, data: Dataset) -> None:
    first, _ = two
    with pytest.raises(MissingPartition, match="handpick gate"):
        record_override(first, to="promote", who="Ada", why="because")
    decide_promotion(first, known_at(first, data))
    with pytest.raises(InputError, match="--who and --why"):
        record_override(first, to="promote", who=" ", why="because")


def test_the_command_records_an_override(two: Two, data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    import typer

    from handpick.cli import override

    first, _ = two
    decide_promotion(first, known_at(first, data))
    (first.settings.home / "handpick.toml").touch()
    monkeypatch.setenv("HANDPICK__HOME", str(first.settings.home))
    monkeypatch.setenv("HANDPICK_CONFIG", str(first.settings.home / "handpick.toml"))
    app = typer.Typer()
    app.callback()(lambda: None)
    override.register(app)
    done = CliRunner().invoke(
        app, ["override", "--date", FIRST.isoformat(), "--who", "Ada", "--why", "seen it"]
    )
    assert done.exit_code == 0, done.output
    assert read_decision(first.lake, FIRST).override == {"to": "promote", "who": "Ada", "why": "seen it"}


def result_of(lists: np.ndarray, values: np.ndarray, **slices: np.ndarray) -> ModelResult:
    return ModelResult(lists.astype(np.int32), {"all": values, "warm": values, **slices}, True)


def random_lists(users: int = 300, items: int = 100, k: int = 10, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.argsort(random.random((users, items)), axis=1)[:, :k]


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        (np.tile(np.arange(10), (300, 1)), "constant lists"),
        (np.where(np.arange(10) < 8, random_lists(), -1), "shorter than 10"),
        (random_lists(items=12) % 12, "coverage collapsed"),
    ],
)
def test_degenerate_lists_are_refused_whatever_their_metrics(lists: np.ndarray, message: str) -> None:
    great = np.ones(300)
    popular = result_of(random_lists(seed=5), great * 0)
    found = run_sanity_checks(
        result_of(lists, great),
        popular,
        result_of(random_lists(seed=6), great * 0.5),
        is_warm=np.ones(300, bool),
        candidates=np.ones(100, bool),
        settings=GateSettings(),
    )
    assert any(message in line for line in found), found


def test_healthy_lists_draw_no_complaint_and_popularity_is_known_in_any_order() -> None:
    values = np.ones(300)
    popular = np.tile(np.arange(10), (300, 1))
    arguments: dict[str, Any] = {
        "is_warm": np.ones(300, bool),
        "candidates": np.ones(100, bool),
        "settings": GateSettings(max_identical_lists=1.0),
    }
    assert (
        run_sanity_checks(result_of(random_lists(), values), result_of(popular, values), None, **arguments)
        == []
    )
    disguised = run_sanity_checks(
        result_of(popular[:, ::-1], values), result_of(popular, values), None, **arguments
    )
    assert any("copy of popularity" in line for line in disguised)
    assert measure_identical_share(np.array([[1, 2], [2, 1], [3, 4], [5, 6]])) == 0.5
    assert measure_list_overlap(np.array([[1, 2, -1]]), np.array([[2, 9, -1]])).tolist() == [0.5]


def test_a_slice_that_is_much_worse_refuses_and_a_small_slice_does_not() -> None:
    random = np.random.default_rng(1)
    base = random.random(4000)
    lists = random_lists(4000)
    cold = np.where(np.arange(4000) < 400, base * 0.5, np.nan)
    before = np.where(np.arange(4000) < 400, base, np.nan)
    popular = result_of(lists, base * 0.1, cold_user=np.where(np.isnan(before), np.nan, 0.0))
    champion = result_of(lists, base, cold_user=before)
    challenger = result_of(lists, base * 1.01, cold_user=cold)
    reasons, table = check_noninferiority(challenger, popular, champion, GateSettings(min_slice_users=200), 0)
    assert len(reasons) == 1 and reasons[0].startswith("cold_user")
    lenient, table = check_noninferiority(challenger, popular, champion, GateSettings(min_slice_users=500), 0)
    assert not lenient and not next(row for row in table if row["slice"] == "cold_user")["gated"]
