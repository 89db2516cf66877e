"""The fusion recommender: it learns, handles missing modalities, follows the catalogue, and rejects unfit data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.config import FusionConfig, TrainingConfig
from models.dataset import Dataset, Modality
from models.evaluation.hits import find_hits
from models.evaluation.ndcg import ndcg_at_k
from models.evaluation.split import EvaluationSplit
from models.network.data_signature import ModelMismatch
from models.recommender import FusionRecommender, LateFusion
from models.recommender.factory import load_fusion_recommender, make_fusion_recommender
from models.recommender_interface import Factors, Recommender
from models.topn.dense import find_top_n_in_float32
from models.training.fit_options import FitOptions
from models.training.warm_start import match_rows
from tests.models.recommender.conftest import CONFIG, TRAINING

ONE_EPOCH = TRAINING.model_copy(update={"epochs": 1})


def quality(factors: Factors, exam: EvaluationSplit, part: str = "all") -> float:
    """Return NDCG@20 over the users of a slice."""
    users = np.flatnonzero(np.diff(exam.slices[part].indptr))
    lists = find_top_n_in_float32(factors, 20, exam.exclude, exam.candidates)
    return float(ndcg_at_k(find_hits(lists[users], exam.slices[part][users]), 20).mean())


def without(data: Dataset, name: str, rows: np.ndarray | None = None) -> Dataset:
    """Return the data with a modality of the phones missing, everywhere or for some."""
    modality = data.catalogue.modalities[name]
    present = np.zeros(len(data.catalogue), bool) if rows is None else modality.present & ~rows
    gone = Modality(modality.values * present[:, None], present, modality.fingerprint)
    return replace(
        data,
        catalogue=replace(data.catalogue, modalities={**data.catalogue.modalities, name: gone}),
    )


def test_it_is_a_recommender_with_finite_scores(
    model: FusionRecommender, validation: EvaluationSplit
) -> None:
    assert isinstance(model, Recommender)
    scores = model.score(validation.past, np.arange(9))
    assert scores.shape == (9, len(validation.past.catalogue)) and scores.dtype == np.float32
    assert np.isfinite(scores).all()


def at_random(like: Factors, seed: int) -> Factors:
    """Return random factors of the right shape."""
    random = np.random.default_rng(seed)
    users, items = (random.standard_normal((len(side), 8)).astype(np.float32) for side in like)
    return Factors(users, items)


def test_it_ranks_far_better_than_chance_for_all_and_for_those_who_only_asked(
    model: FusionRecommender, validation: EvaluationSplit
) -> None:
    found = model.factors(validation.past, validation.users)
    shuffled = Factors(np.random.default_rng(0).permutation(found.users), found.items)
    assert quality(found, validation) > 1.2 * quality(shuffled, validation)
    # Eight users only asked, so one model, or one draw of chance, says little.
    others = [
        FusionRecommender(CONFIG, TRAINING).fit(validation.past, seed, FitOptions(validation))
        for seed in (4, 5, 6)
    ]
    fitted = [found, *(other.factors(validation.past, validation.users) for other in others)]
    asked = np.mean([quality(one, validation, "query_only") for one in fitted])
    chance = np.mean([quality(at_random(found, seed), validation, "query_only") for seed in range(20)])
    assert asked > 1.2 * chance


def test_saving_and_loading_gives_the_same_scores(
    model: FusionRecommender, validation: EvaluationSplit, tmp_path: Path
) -> None:
    model.save(tmp_path)
    again = load_fusion_recommender(tmp_path)
    assert np.array_equal(
        again.score(validation.past, validation.users), model.score(validation.past, validation.users)
    )
    (tmp_path / "weights.safetensors").write_bytes(b"no tensors")
    with pytest.raises(ModelMismatch, match="train it again"):
        load_fusion_recommender(tmp_path)


def test_a_modality_missing_for_half_the_phones_or_all_still_gives_scores(
    model: FusionRecommender, validation: EvaluationSplit
) -> None:
    half = np.arange(len(validation.past.catalogue)) % 2 == 0
    for data in (without(validation.past, "text", half), without(validation.past, "text")):
        assert np.isfinite(model.score(data, validation.users)).all()


def test_a_phone_without_any_content_has_finite_scores(
    model: FusionRecommender, validation: EvaluationSplit
) -> None:
    bare = validation.past
    for name in bare.catalogue.modalities:
        bare = without(bare, name, np.arange(len(bare.catalogue)) == 5)
    catalogue = replace(bare.catalogue, price=np.where(np.arange(60) == 5, np.nan, bare.catalogue.price))
    assert np.isfinite(model.score(replace(bare, catalogue=catalogue), validation.users)[:, 5]).all()


def test_weights_of_phones_are_shares_of_their_modalities(
    model: FusionRecommender, validation: EvaluationSplit
) -> None:
    names, weights = model.item_weights(validation.past)
    assert names == ("text", "specs", "facts", "identity")
    assert np.allclose(weights.sum(1), 1, atol=1e-5)
    gone = model.item_weights(without(validation.past, "text"))[1]
    assert (gone[:, 0] == 0).all() and np.allclose(gone.sum(1), 1, atol=1e-5)


def test_vectors_of_another_encoder_are_refused_by_name(
    model: FusionRecommender, validation: EvaluationSplit
) -> None:
    text = validation.past.catalogue.modalities["text"]
    other = replace(
        validation.past,
        catalogue=replace(
            validation.past.catalogue,
            modalities={
                **validation.past.catalogue.modalities,
                "text": Modality(text.values, text.present, "another-bert"),
            },
        ),
    )
    with pytest.raises(ModelMismatch, match="text vectors of phones come from another-bert"):
        model.score(other, np.arange(2))


def test_a_user_with_ten_thousand_events_is_read_by_the_latest_ones(
    model: FusionRecommender, validation: EvaluationSplit
) -> None:
    past, random = validation.past, np.random.default_rng(0)
    events, many = past.interactions, 10_000
    at = np.sort(random.integers(0, past.as_of, many))
    mine = events.user == 0
    busy = replace(
        events,
        user=np.concatenate([np.zeros(many, np.int64), events.user[~mine]]),
        item=np.concatenate([random.integers(0, 50, many), events.item[~mine]]),
        event_type=np.concatenate([np.ones(many, np.int8), events.event_type[~mine]]),
        weight=np.concatenate([np.ones(many, np.float32), events.weight[~mine]]),
        at=np.concatenate([at, events.at[~mine]]),
    )
    whole = model.score(replace(past, interactions=busy), np.arange(1))
    assert np.isfinite(whole).all()


def test_a_warm_start_keeps_what_is_known_of_each_phone_by_its_id(
    model: FusionRecommender, data: Dataset, validation: EvaluationSplit
) -> None:
    """Tonight's catalogue has chosen phones that last night's had not; the others keep their rows."""
    import torch

    old = torch.arange(6.0).reshape(3, 2)
    fresh = torch.full((3, 2), -1.0)
    table = match_rows(fresh, old, ("b", "new", "a"), ("a", "b", "gone"), has_unknown=False)
    assert table.tolist() == [[2.0, 3.0], [-1.0, -1.0], [0.0, 1.0]]
    warm = FusionRecommender(CONFIG, ONE_EPOCH).fit(data, 4, start=model)
    cold = FusionRecommender(CONFIG, ONE_EPOCH).fit(data, 4)
    assert warm.train_state.curves["loss"][0] < cold.train_state.curves["loss"][0]
    assert quality(warm.factors(validation.past, validation.users), validation) > 0


@pytest.mark.parametrize("name", ["late_weighted", "late_vote"])
def test_whole_recommenders_are_fused_saved_and_loaded(
    name: str, validation: EvaluationSplit, tmp_path: Path
) -> None:
    config = FusionConfig(dim=16, fusion=name)
    training = TrainingConfig(epochs=2, threads=1, learning_rate=5e-3)
    late = make_fusion_recommender(config, training).fit(validation.past, 3, FitOptions(validation))
    assert isinstance(late, LateFusion) and set(late.members) == {"text", "specs", "facts", "identity"}
    assert abs(sum(late.weights.values()) - 1) < 1e-6
    late.save(tmp_path)
    scores = late.score(validation.past, validation.users)
    assert np.isfinite(scores).all()
    assert np.array_equal(load_fusion_recommender(tmp_path).score(validation.past, validation.users), scores)
