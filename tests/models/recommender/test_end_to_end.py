"""End-to-end training: encoders get gradients, change, are saved, and learn what frozen encoders miss."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from models.config import EndToEndConfig, FusionConfig, TrainingConfig
from models.dataset import Dataset, Modality
from models.encoders.bilstm import BiLstm, BiLstmAudioEncoder, save_bilstm
from models.encoders.cnn import ShopImageEncoder, ShopImageNetwork, save_shop_image
from models.encoders.text import ConcatenatedTextEncoder, HuggingFaceTextEncoder
from models.network.data_signature import ModelMismatch, build_signature
from models.network.fusion_network import FusionNetwork
from models.network.inputs import build_item_inputs, build_query_inputs
from models.network.trainable_encoders import build_trainable_encoders
from models.pretraining.config import TextPretraining
from models.pretraining.shop_bert import pretrain_bert
from models.pretraining.training_loop import seed_generator
from models.recommender import FusionRecommender
from models.recommender.factory import load_fusion_recommender
from models.training.errors import TrainingError
from models.training.fit_options import FitOptions, Progress
from models.training.joint_encoding import JointEncoder
from models.training.objective import compute_losses
from models.training.training_set import TrainingSet
from tests.models.toy_shop import (
    NEW,
    SEEN,
    MemoryOrigin,
    draw_picture,
    synthesise_sound,
    toy_config,
    toy_shop,
)

TRAINING = TrainingConfig(
    epochs=16, threads=1, batch=16, learning_rate=5e-3, checkpoint_steps=3, shown_weight=0
)
BRIEF = TRAINING.model_copy(update={"epochs": 1})


@pytest.fixture(scope="module")
def pictured(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Phones that differ in their pictures only, encoded by an untrained network."""
    folder, random = tmp_path_factory.mktemp("cnn"), np.random.default_rng(0)
    with seed_generator(3):
        save_shop_image(ShopImageNetwork(dim=4, width=8, axes=1), folder, {})
    contents = {f"p{n}": draw_picture(n % 2 == 0, random) for n in range(SEEN + NEW)}
    return toy_shop(MemoryOrigin(contents, folder, ShopImageEncoder).modality(list(contents)), None)


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Users whose taste shows in their spoken queries only; the last eighty have nothing but a query."""
    folder, random = tmp_path_factory.mktemp("bilstm"), np.random.default_rng(0)
    with seed_generator(3):
        save_bilstm(BiLstm(dim=2, hidden=8), folder, {})
    askers = np.arange(240)
    contents = {f"s{n}": synthesise_sound(n % 2 == 0, random) for n in askers.tolist()}
    voices = MemoryOrigin(contents, folder, BiLstmAudioEncoder).modality(list(contents))
    data = toy_shop(None, voices, askers, users=240)
    return replace(data, interactions=data.interactions.where(data.interactions.user < 160))


BY_PICTURE = ("identity", "facts", "behaviour")


def fit_on_pictures(fusion: str, data: Dataset, training: TrainingConfig = TRAINING) -> FusionRecommender:
    """Fit a model that knows phones by their pictures alone."""
    return FusionRecommender(toy_config(fusion, without=BY_PICTURE), training).fit(data, 1)


def fit_on_voices(fusion: str, data: Dataset, training: TrainingConfig = TRAINING) -> FusionRecommender:
    """Fit a model that knows users by their spoken queries alone."""
    return FusionRecommender(toy_config(fusion, without=("behaviour", "profile")), training).fit(data, 1)


def pairwise_accuracy(scores: np.ndarray, users: np.ndarray, items: np.ndarray) -> float:
    """Return how often a phone of the user's kind has a higher score than one of the other kind."""
    right = []
    for row, user in zip(scores, users, strict=True):
        mine, other = row[items[items % 2 == user % 2]], row[items[items % 2 != user % 2]]
        right.append((mine[:, None] > other[None, :]).mean())
    return float(np.mean(right))


def test_joint_training_learns_from_pictures_of_new_phones_what_frozen_encoders_miss(
    pictured: Dataset,
) -> None:
    users, new = np.arange(80), np.arange(SEEN, SEEN + NEW)
    joint = pairwise_accuracy(fit_on_pictures("end_to_end", pictured).score(pictured, users), users, new)
    frozen = pairwise_accuracy(fit_on_pictures("attention", pictured).score(pictured, users), users, new)
    assert joint > 0.85, joint
    assert frozen < 0.65, frozen


def test_joint_training_learns_from_voices_of_newcomers_what_frozen_encoders_miss(
    spoken: Dataset,
) -> None:
    users, old = np.arange(160, 240), np.arange(SEEN)
    joint = pairwise_accuracy(fit_on_voices("end_to_end", spoken).score(spoken, users), users, old)
    frozen = pairwise_accuracy(fit_on_voices("attention", spoken).score(spoken, users), users, old)
    assert joint > 0.85, joint
    assert frozen < 0.65, frozen


def test_gradients_reach_the_first_layers_of_every_encoder_and_the_same_with_less_memory(
    written: Dataset, spoken: Dataset, pictured: Dataset
) -> None:
    for data, kind, first in (
        (pictured, "image", "cnn.enter.weight"),
        (spoken, "audio", "enter.0.weight"),
        (written, "text", "embeddings.word_embeddings.weight"),
    ):
        found = []
        for save_memory in (False, True):
            chosen = toy_config("end_to_end")
            own = chosen.end_to_end.model_copy(update={"save_memory": save_memory, "frozen": ("other",)})
            network, gradient = take_one_step(
                data, chosen.model_copy(update={"end_to_end": own}), kind, first
            )
            assert gradient.abs().sum() > 0, kind
            found.append(gradient)
            assert network.encoders is not None and network.encoders.kinds == (kind,)
        assert torch.allclose(found[0], found[1], rtol=1e-3, atol=1e-4), kind


def take_one_step(
    data: Dataset, chosen: FusionConfig, kind: str, name: str
) -> tuple[FusionNetwork, torch.Tensor]:
    """Return the network after one backward pass, and the gradient of one of its encoder's weights."""
    torch.manual_seed(0)
    signature = build_signature(data)
    encoders = build_trainable_encoders(data, signature, chosen)
    network = FusionNetwork(signature, chosen, encoders).eval()
    training_set = TrainingSet(data, signature, chosen, TRAINING)
    joint = JointEncoder(encoders, training_set)
    joint.refresh()
    draws = np.zeros(len(data.queries), np.float32)
    batch = training_set.build_batch(np.arange(6), np.random.default_rng(0), draws)
    batch, items, queries = joint.encode_batch(
        batch, training_set.items, training_set.queries, np.random.default_rng(0)
    )
    compute_losses(network, items, queries, batch, TRAINING).choice.backward()
    gradient = dict(encoders.get_encoders(kind)[0].module.named_parameters())[name].grad
    assert gradient is not None
    return network, gradient


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Phones with texts, encoded by two small BERTs that are concatenated; `other` is frozen."""
    texts = {
        f"t{n}": f"phone {n}. {'Large' if n % 2 else 'Small'} and {'red' if n % 3 else '蓝色'}"
        for n in range(SEEN + NEW)
    }
    folders = [tmp_path_factory.mktemp(name) for name in ("own", "other")]
    shape = TextPretraining(vocabulary=80, dim=8, layers=1, heads=2, max_tokens=24, steps=0)
    for seed, folder in enumerate(folders):
        pretrain_bert(list(texts.values()), shape, seed).save(folder)

    def both(folder: Path, device: str) -> ConcatenatedTextEncoder:
        names = (("own", folders[0]), ("other", folders[1]))
        return ConcatenatedTextEncoder(
            [HuggingFaceTextEncoder(str(where), device=device, name=name) for name, where in names]
        )

    text = MemoryOrigin(texts, folders[0], both).modality(list(texts))
    data = toy_shop(None, None)
    return replace(data, catalogue=replace(data.catalogue, modalities={"text": text}))


def test_before_training_vectors_are_those_of_frozen_encoders(
    written: Dataset, spoken: Dataset, pictured: Dataset
) -> None:
    chosen = toy_config("end_to_end")
    for data in (written, pictured):
        signature = build_signature(data)
        base = build_item_inputs(data, signature)
        encoders = build_trainable_encoders(data, signature, chosen)
        for kind, vectors in encoders.encode_items(base, data).content.items():
            assert torch.allclose(vectors, base.content[kind], atol=2e-3), kind
    encoders = build_trainable_encoders(spoken, build_signature(spoken), chosen)
    frozen = torch.from_numpy(spoken.queries.modalities["audio"].values)
    queries = build_query_inputs(spoken, build_signature(spoken))
    audio = encoders.encode_queries(queries, spoken).content["audio"]
    assert torch.allclose(audio[:-1], frozen, atol=1e-2)


def test_trained_encoders_change_frozen_ones_do_not_and_both_are_saved(
    written: Dataset, pictured: Dataset, spoken: Dataset, tmp_path: Path
) -> None:
    own = EndToEndConfig(learning_rate=1e-3, frozen=("other",))
    for name, data, where in (
        ("text", written, "catalogue"),
        ("image", pictured, "catalogue"),
        ("audio", spoken, "queries"),
    ):
        chosen = toy_config("end_to_end", end_to_end=own)
        model = FusionRecommender(chosen, BRIEF).fit(data, 2)
        folder = tmp_path / name
        model.save(folder)
        assert {part.name for part in (folder / "encoders").iterdir()} == {f"{name}-0"}
        origin = getattr(data, where).modalities[name].content_source
        before = load_file(origin.folder / "model.safetensors")
        after = load_file(folder / "encoders" / f"{name}-0" / "model.safetensors")
        moved = {key for key in before if not torch.equal(before[key], after[key])}
        assert moved and not moved & {"mean", "scale", "rotation"}
        again, users = load_fusion_recommender(folder), np.arange(20)
        assert np.array_equal(again.score(data, users), model.score(data, users))
        assert np.array_equal(again.item_vectors(data), model.item_vectors(data))
        next((folder / "encoders").glob("*/model.safetensors")).write_bytes(b"no tensors")
        with pytest.raises(ModelMismatch, match="train it again"):
            load_fusion_recommender(folder)


def test_a_phone_without_a_picture_is_masked_and_one_whose_file_is_gone_keeps_its_vector(
    pictured: Dataset,
) -> None:
    model = FusionRecommender(toy_config("end_to_end"), BRIEF).fit(pictured, 2)
    image = pictured.catalogue.modalities["image"]
    first = np.arange(len(pictured.catalogue)) == 0

    def changed(modality: Modality) -> Dataset:
        return replace(pictured, catalogue=replace(pictured.catalogue, modalities={"image": modality}))

    bare = changed(image.masked(~first))
    names, weights = model.item_weights(bare)
    assert weights[0, names.index("image")] == 0 and np.isfinite(model.score(bare, np.arange(9))).all()
    assert np.allclose(model.item_vectors(bare)[1:], model.item_vectors(pictured)[1:])
    assert isinstance(image.content_source, MemoryOrigin) and image.keys is not None
    kept = {key: content for key, content in image.content_source.contents.items() if key != image.keys[0]}
    gone = changed(replace(image, content_source=replace(image.content_source, contents=kept)))
    fresh = FusionRecommender(toy_config("end_to_end"), BRIEF).fit(gone, 2)
    assert fresh.item_weights(gone)[1][0, names.index("image")] > 0
    assert np.isfinite(fresh.score(gone, np.arange(9))).all()


class Killed(Exception):
    """Simulates the end of the process at one step."""


def test_a_killed_training_continues_to_the_same_scores(pictured: Dataset, tmp_path: Path) -> None:
    def kill(progress: Progress) -> None:
        if (progress.epoch, progress.step) == (2, 4):
            raise Killed

    training = TRAINING.model_copy(update={"epochs": 2})
    whole = fit_on_pictures("end_to_end", pictured, training).score(pictured, np.arange(20))
    chosen = toy_config("end_to_end", without=BY_PICTURE)
    with pytest.raises(Killed):
        FusionRecommender(chosen, training).fit(
            pictured, 1, FitOptions(checkpoint_folder=tmp_path, on_step=kill)
        )
    reports: list[Progress] = []
    again = FusionRecommender(chosen, training).fit(
        pictured, 1, FitOptions(checkpoint_folder=tmp_path, on_step=reports.append)
    )
    assert (reports[0].epoch, reports[0].step) == (2, 4), "it continued after the third step's checkpoint"
    assert np.array_equal(again.score(pictured, np.arange(20)), whole)


def test_a_second_night_starts_from_the_encoders_of_the_first(pictured: Dataset) -> None:
    first = fit_on_pictures("end_to_end", pictured)
    chosen = toy_config("end_to_end", without=BY_PICTURE)
    warm = FusionRecommender(chosen, BRIEF).fit(pictured, 4, start=first)
    cold = FusionRecommender(chosen, BRIEF).fit(pictured, 4)
    assert warm.train_state.curves["loss"][0] < cold.train_state.curves["loss"][0] - 0.3


def test_if_all_encoders_are_frozen_the_error_is_one_line(pictured: Dataset) -> None:
    frozen = toy_config("end_to_end", end_to_end=EndToEndConfig(frozen=("image",)))
    with pytest.raises(TrainingError, match="no encoder to train") as stopped:
        FusionRecommender(frozen, BRIEF).fit(pictured, 1)
    assert "\n" not in str(stopped.value)
