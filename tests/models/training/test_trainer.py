"""The trainer: reproducible bytes, also after a kill; the same model with two processes; one-line errors."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from models.config import FusionConfig, TrainingConfig
from models.dataset import Dataset
from models.recommender import FusionRecommender
from models.training.errors import TrainingError
from models.training.fit_options import FitOptions, Progress
from models.training.losses import compute_choice_loss, compute_impression_loss
from models.training.optimizer_schedule import build_optimizer, count_steps
from tests.models.collaborative.shop import shop

CONFIG = FusionConfig(dim=16)
TRAINING = TrainingConfig(epochs=2, threads=1, batch=32, min_epoch_steps=1, checkpoint_steps=2)
STILL = FusionConfig(dim=16, dropout=0, input_dropout=0, identity_dropout=0, modality_dropout=0)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return shop(users=100, items=40, events=12)


def weights(model: FusionRecommender, folder: Path) -> bytes:
    model.save(folder)
    return (folder / "weights.safetensors").read_bytes()


class Killed(Exception):
    """Simulates the end of the process at one step."""


def test_the_same_seed_gives_the_same_bytes_and_another_gives_others(data: Dataset, tmp_path: Path) -> None:
    one, two, other = (
        weights(FusionRecommender(CONFIG, TRAINING).fit(data, seed), tmp_path / name)
        for name, seed in (("one", 5), ("two", 5), ("other", 6))
    )
    assert one == two != other


@pytest.mark.parametrize("stop", [(1, 3), (2, 1), (2, 4)])
def test_a_killed_training_continues_to_the_same_bytes(
    stop: tuple[int, int], data: Dataset, tmp_path: Path
) -> None:
    def kill(progress: Progress) -> None:
        if (progress.epoch, progress.step) == stop:
            raise Killed

    whole = weights(FusionRecommender(CONFIG, TRAINING).fit(data, 5), tmp_path / "whole")
    folder = tmp_path / "checkpoints"
    with pytest.raises(Killed):
        FusionRecommender(CONFIG, TRAINING).fit(data, 5, FitOptions(checkpoint_folder=folder, on_step=kill))
    reports: list[Progress] = []
    again = FusionRecommender(CONFIG, TRAINING).fit(
        data, 5, FitOptions(checkpoint_folder=folder, on_step=reports.append)
    )
    assert (reports[0].epoch, reports[0].step) > (1, 1), "it started from the beginning"
    assert weights(again, tmp_path / "again") == whole


def test_a_checkpoint_of_other_data_is_not_continued(data: Dataset, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    FusionRecommender(CONFIG, TRAINING).fit(data, 5, FitOptions(checkpoint_folder=folder))
    reports: list[Progress] = []
    other = data.until(data.as_of - 86_400)
    FusionRecommender(CONFIG, TRAINING).fit(
        other, 5, FitOptions(checkpoint_folder=folder, on_step=reports.append)
    )
    assert (reports[0].epoch, reports[0].step) == (1, 1)


SCRIPT = """
import sys
from pathlib import Path
import torch
from models.recommender import FusionRecommender
from models.training.distributed import join_process_group
from models.training.fit_options import FitOptions
from tests.models.collaborative.shop import shop
from tests.models.training.test_trainer import CONFIG, STILL, TRAINING, Killed
data, place, checkpoints = shop(users=100, items=40, events=12), Path(sys.argv[1]), Path(sys.argv[2])
def kill(progress):
    if (progress.epoch, progress.step) == (2, 1):
        raise Killed
with join_process_group(torch.device("cpu")):
    FusionRecommender(STILL, TRAINING).fit(data, 5).save(place / "still")
    FusionRecommender(CONFIG, TRAINING).fit(data, 5).save(place / "whole")
    try:
        FusionRecommender(CONFIG, TRAINING).fit(data, 5, FitOptions(checkpoint_folder=checkpoints, on_step=kill))
    except Killed:
        FusionRecommender(CONFIG, TRAINING).fit(data, 5, FitOptions(checkpoint_folder=checkpoints)).save(
            place / "continued"
        )
"""


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The models of two processes, in a folder for each: undisturbed, with dropout, and continued."""
    place = tmp_path_factory.mktemp("two")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    common = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    root = Path(__file__).resolve().parents[3]
    running = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(place / f"rank{rank}"), str(place / "checkpoints")],
            env={**common, "RANK": str(rank), "LOCAL_RANK": str(rank), "PYTHONPATH": str(root)},
            cwd=root,
        )
        for rank in range(2)
    ]
    assert [process.wait(timeout=240) for process in running] == [0, 0]
    return place


def test_two_processes_train_the_model_of_one(data: Dataset, two_processes: Path) -> None:
    alone = FusionRecommender(STILL, TRAINING).fit(data, 5)
    two, three = (
        load_file(two_processes / name / "still" / "weights.safetensors") for name in ("rank0", "rank1")
    )
    assert all(torch.equal(value, three[name]) for name, value in two.items())
    # scores, not weights: Adam makes steps of rounding errors where a weight cannot matter (the bias of keys)
    parallel = FusionRecommender.load(two_processes / "rank0" / "still")
    users = np.arange(len(data.users))
    assert np.allclose(parallel.score(data, users), alone.score(data, users), rtol=1e-3, atol=2e-3)


def test_two_killed_processes_continue_to_the_same_bytes(two_processes: Path) -> None:
    """Each process draws its own dropout, so the random states of both must be kept."""
    whole, continued = (
        (two_processes / "rank0" / name / "weights.safetensors").read_bytes()
        for name in ("whole", "continued")
    )
    assert whole == continued


def test_accumulating_a_batch_in_parts_gives_the_same_model(data: Dataset) -> None:
    whole = FusionRecommender(STILL, TRAINING).fit(data, 5)
    parts = FusionRecommender(STILL, TRAINING.model_copy(update={"accumulation": 3})).fit(data, 5)
    assert np.allclose(
        whole.score(data, np.arange(20)), parts.score(data, np.arange(20)), rtol=1e-2, atol=1e-2
    )


def test_a_loss_that_is_not_finite_stops_with_one_line(data: Dataset) -> None:
    broken = replace(data.catalogue.modalities["text"], values=np.full((40, 16), np.inf, np.float32))
    odd = replace(
        data,
        catalogue=replace(data.catalogue, modalities={**data.catalogue.modalities, "text": broken}),
    )
    with pytest.raises(TrainingError, match=r"the loss is .* at step 1 of epoch 1") as stopped:
        FusionRecommender(CONFIG, TRAINING).fit(odd, 5)
    assert "\n" not in str(stopped.value)


def test_a_shop_where_nobody_chose_anything_stops_with_one_line(data: Dataset) -> None:
    with pytest.raises(TrainingError, match="nothing to learn from"):
        FusionRecommender(CONFIG, TRAINING).fit(data.until(0), 5)


def test_running_out_of_memory_says_what_to_lower(data: Dataset) -> None:
    def exhausted(progress: Progress) -> None:
        raise torch.OutOfMemoryError

    with pytest.raises(TrainingError, match="raise accumulation or lower batch"):
        FusionRecommender(CONFIG, TRAINING).fit(data, 5, FitOptions(on_step=exhausted))


def test_a_device_that_is_not_here_is_refused(data: Dataset) -> None:
    training = TRAINING.model_copy(update={"device": "abacus"})
    with pytest.raises(TrainingError, match="'abacus' is no device"):
        FusionRecommender(CONFIG, training).fit(data, 5)


def test_identities_have_a_higher_learning_rate_and_every_weight_is_in_one_group(data: Dataset) -> None:
    network = FusionRecommender(STILL, TRAINING).fit(data, seed=1).network
    assert network is not None
    training = TRAINING.model_copy(update={"identity_pace": 4.0, "weight_decay": 0.2})
    groups = build_optimizer(network, training).param_groups
    where = {id(weight): group for group in groups for weight in group["params"]}
    assert len(where) == sum(len(group["params"]) for group in groups)
    assert set(where) == {id(weight) for weight in network.parameters() if weight.requires_grad}
    own, rest = where[id(network.items.identity.weight)], where[id(network.items.brand.weight)]
    assert own["highest"] == pytest.approx(4 * rest["highest"])
    assert own["highest"] * own["weight_decay"] == pytest.approx(rest["highest"] * rest["weight_decay"])


def test_small_shops_take_smaller_batches() -> None:
    training = TrainingConfig(batch=128, min_epoch_steps=24)
    assert [count_steps(windows, training) for windows in (5, 80, 400, 10_000)] == [1, 10, 24, 79]


def test_the_choice_loss_is_the_cross_entropy_of_the_chosen_phone() -> None:
    scores = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    targets = torch.tensor([1, 0, 5, 2])
    loss = compute_choice_loss(scores, torch.arange(4), targets, torch.ones(4), 0.0)
    assert torch.isclose(loss, torch.nn.functional.cross_entropy(scores, targets, reduction="sum"))
    smooth = compute_choice_loss(scores, torch.arange(4), targets, torch.ones(4), 0.1)
    expected = torch.nn.functional.cross_entropy(scores, targets, reduction="sum", label_smoothing=0.1)
    assert torch.isclose(smooth, expected)


def test_the_impression_loss_compares_only_what_was_shown() -> None:
    scores = torch.tensor([[1.0, 2.0, 9.0], [0.0, 1.0, -5.0]])
    loss = compute_impression_loss(
        scores, torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1]), torch.tensor([1.0, 0, 0, 1])
    )
    first = -torch.log_softmax(torch.tensor([1.0, 2.0]), 0)[0]
    second = -torch.log_softmax(torch.tensor([0.0, 1.0]), 0)[1]
    assert torch.isclose(loss, first + second)
