"""Parts of the train stage: warm start, sampling, tracking, progress lines, and the rows of the ablation."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from handpick.dataset.model_store import load_members
from handpick.errors import NightStopped
from handpick.night import Night
from handpick.settings.embed import EmbedSettings
from handpick.settings.load import load
from handpick.settings.pretraining import PretrainingSettings
from handpick.stages.train.ablation import AS_CONFIGURED, list_fusion_variants
from handpick.stages.train.pretraining_ablation import list_pretraining_variants
from handpick.stages.train.tracking import EXPERIMENT, MODEL, log_decision, log_training
from handpick.stages.train.train_models import find_warm_start, sample_users
from handpick.stages.train.training_progress import describe_progress
from models.config import FusionConfig, TrainingConfig
from models.evaluation.split import make_evaluation_split
from models.recommender import FusionRecommender
from models.training.fit_options import Progress
from tests.models.collaborative.shop import DAY, DAYS, shop

TONIGHT = date(2026, 3, 1)


@pytest.fixture(scope="module")
def model() -> FusionRecommender:
    training = TrainingConfig(epochs=1, threads=1)
    return FusionRecommender(FusionConfig(dim=16), training).fit(shop(users=60, items=30, events=8), 1)


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return Night(load(home=tmp_path, fusion={"dim": 16}), TONIGHT)


def test_tonight_starts_from_last_nights_model_of_the_same_shape(
    night: Night, model: FusionRecommender
) -> None:
    data = shop(users=60, items=30, events=8, seed=2)
    assert find_warm_start(night, data) is None
    with night.lake.replace_partition("models", date(2026, 2, 28)) as folder:
        model.save(folder / "fusion" / "selection")
    assert find_warm_start(night, data) is not None
    wider = Night(load(home=night.settings.home, fusion={"dim": 32}), TONIGHT)
    assert find_warm_start(wider, data) is None
    fresh = Night(load(home=night.settings.home, fusion={"dim": 16}, training={"warm_start": False}), TONIGHT)
    assert find_warm_start(fresh, data) is None


def test_a_damaged_model_stops_the_night_with_one_line(night: Night, model: FusionRecommender) -> None:
    with night.lake.replace_partition("models", TONIGHT) as folder:
        model.save(folder / "fusion" / "serving")
        (folder / "fusion" / "serving" / "weights.safetensors").write_bytes(b"")
    with pytest.raises(NightStopped, match="no usable fusion model") as stopped:
        load_members(night, TONIGHT, "serving")
    assert "\n" not in str(stopped.value)


def test_early_stopping_looks_at_a_seeded_sample_of_many_users() -> None:
    whole = make_evaluation_split(shop(), (DAYS - 7) * DAY, DAYS * DAY, trained_until=(DAYS - 7) * DAY)
    part, again = sample_users(whole, 20, 5), sample_users(whole, 20, 5)
    assert len(part.users) == 20 and np.array_equal(part.users, again.users)
    assert sample_users(whole, 10_000, 5) is whole


def test_a_training_is_tracked_and_registered_in_a_local_mlflow(night: Night) -> None:
    from mlflow.tracking import MlflowClient

    log_training(night, {"selection": {"loss": [3.0, 2.0], "validation NDCG@20": [0.1, 0.2]}}, "d1", 0.2)
    address = f"sqlite:///{night.settings.home / 'var' / 'mlflow.db'}"
    client = MlflowClient(address, registry_uri=address)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.data.params["fusion.dim"] == "16" and run.data.metrics["best_validation_ndcg"] == 0.2
    history = client.get_metric_history(run.info.run_id, "selection loss")
    assert [(point.step, point.value) for point in history] == [(1, 3.0), (2, 2.0)]
    (version,) = client.search_model_versions(f"name='{MODEL}'")
    assert version.tags["data"] == "d1" and version.tags["logical_date"] == "2026-03-01"
    assert client.get_registered_model(MODEL).aliases == {"challenger": version.version}
    log_decision(night, night.logical_date, ["better on all slices"])
    decided = client.get_model_version_by_alias(MODEL, "champion")
    assert (decided.version, decided.tags["gate"]) == (version.version, "promoted")
    assert decided.tags["gate_reasons"] == "better on all slices"
    log_decision(night, None, ["worse than popularity"])
    assert client.get_registered_model(MODEL).aliases == {"challenger": version.version}
    assert client.get_model_version(MODEL, version.version).tags["gate"] == "refused"


def test_progress_is_described_with_rate_and_validation() -> None:
    moment = Progress(2, 12, 30, 30, 6000, 3.0, 4.5, 0.1234)
    assert (
        describe_progress(moment)
        == "epoch 2 of 12, loss 4.500, 2,000 examples a second, validation NDCG@20 0.1234"
    )


def test_ablation_leaves_out_each_modality_and_tries_each_fusion() -> None:
    rows = list_fusion_variants(FusionConfig(without=("image",)))
    assert next(iter(rows)) == AS_CONFIGURED
    assert rows["without text"].without == ("image", "text") and "without image" not in rows
    assert rows["fusion gated"].fusion == "gated" and "fusion features" not in rows
    assert rows["fusion end_to_end"].is_end_to_end and rows["fusion end_to_end"].inner == "attention"
    assert rows["identity from variational"].identity_start == "variational"
    assert list(list_fusion_variants(FusionConfig(), ["query_text"])) == [AS_CONFIGURED, "without query_text"]


def test_ablation_pretrains_without_each_objective_and_with_each_other_one() -> None:
    rows = list_pretraining_variants(
        PretrainingSettings(), EmbedSettings(), has_pictures=True, has_sounds=True
    )
    assert list(rows) == [
        "pretraining without masked_language",
        "pretraining without next_sentence",
        "pretraining without sentence_contrast",
        "pretraining without image_views",
        "pretraining with text_image",
        "pretraining without audio_text",
    ]
    assert rows["pretraining without image_views"].settings.image.steps == 0
    assert rows["pretraining with text_image"].settings.image.objectives == ("image_views", "text_image")
    assert rows["pretraining without audio_text"].settings.audio.steps == 0
    others = EmbedSettings(text=("all-MiniLM-L6-v2",))
    assert not list_pretraining_variants(PretrainingSettings(), others, has_pictures=False, has_sounds=False)
