"""The fusion recommender as a member of the family: fit, score, save and load."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Self

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from models.config import FusionConfig, TrainingConfig
from models.data import Dataset, FloatArray, IntArray
from models.interface import Factors
from models.network.data_signature import Mismatch, Signature, signature_of
from models.network.fusion_network import FusionNetwork, Shelf
from models.network.inputs import asked_of, items_of
from models.network.item_tower import Phones
from models.network.sequence_batching import Reader, barred_of, cut
from models.network.temporal_features import moments_of
from models.network.trainable_encoders import LiveEncoders, live_encoders
from models.network.user_sequences import tell
from models.training.devices import device_of, repeatable
from models.training.distributed import together
from models.training.errors import TrainingError
from models.training.identity_init import first_identities
from models.training.options import Decided, Plan, Standing, Watcher, unwatched
from models.training.trainer import Course, digest_of_dataset
from models.training.training_set import Lessons
from models.training.warm_start import warm_start

WEIGHTS, ABOUT, ENCODERS = "weights.safetensors", "model.json", "encoders"
LIVE = "live."
"""Begins the names of the weights of encoders that learn."""
USERS_AT_ONCE = 2048
EXPECTED = 8192
"""Phones of a larger catalogue that expectations are over when lists are made: every second, third ... of all."""


class FusionRecommender:
    """Text, pictures, voice, specifications and behaviour in one model.

    `factors` is the network on tonight's data: one row for each user, one for each phone, and their inner product is
    the score. What was learned about a phone by its id is used where the id is known; any other phone is scored by
    its content.
    """

    name = "fusion"

    def __init__(self, config: FusionConfig | None = None, training: TrainingConfig | None = None) -> None:
        self.config = config or FusionConfig()
        self.training = training or TrainingConfig()
        self.network: FusionNetwork | None = None
        self.standing = Standing()

    def fit(
        self, data: Dataset, seed: int, plan: Plan | None = None, start: FusionRecommender | None = None
    ) -> Self:
        """Learn from everything in the data; the same data, seed and start give the same bytes on a CPU.

        Args:
            data: Nothing later than its `as_of` is learned from.
            seed: Of first weights, batches and dropout.
            plan: Validation, epochs, checkpoints, progress.
            start: A model whose weights to start from, matched by name; one that does not fit is not used.

        Raises:
            TrainingError: If nobody chose anything, a loss is not finite, or memory does not suffice.
        """
        training, plan = self.training, plan or Plan()
        signature = signature_of(data)
        with repeatable(seed, training.threads):
            lessons = Lessons(data, signature, self.config, training)
            self.network = FusionNetwork(signature, self.config, self._live(data, signature))
            self.network.calibrate(lessons.items, lessons.asked, torch.from_numpy(lessons.features))
            first = first_identities(data, signature, self.config, seed)
            if first is not None:
                self.network.items.begin(first)
            if start is not None:
                warm_start(self.network, start._fitted())
            with together(device_of(training.device)):
                digest = self._digest(digest_of_dataset(data), seed)
                course = Course(self.network, lessons, training, seed, plan, self.factors, digest)
                self.standing = course.run()
        return self

    def _live(self, data: Dataset, signature: Signature) -> LiveEncoders | None:
        """The encoders that are to learn.

        Raises:
            TrainingError: If there is none.
        """
        if not self.config.is_end_to_end:
            return None
        live = live_encoders(data, signature, self.config)
        if not live.kinds:
            raise TrainingError(
                '[fusion] fusion = "end_to_end" finds no encoder to train: every one is frozen, left out or of a kind '
                "that cannot learn, or nobody kept what the vectors were made of; choose another fusion"
            )
        return live

    def refit(
        self, data: Dataset, seed: int, watch: Watcher = unwatched, start: FusionRecommender | None = None
    ) -> Self:
        """A model of the same settings on other data, trained the same way as far as this one's best epoch.

        Args:
            start: As in `fit`.
        """
        standing = self.standing
        plan = Plan(verdict=Decided(max(1, standing.best_epoch)), epochs=standing.epochs or None, watch=watch)
        return type(self)(self.config, self.training).fit(data, seed, plan, start)

    def _digest(self, data: str, seed: int) -> str:
        """Of everything that decides the weights; `data` is the dataset's digest."""
        assert self.network is not None
        total = hashlib.sha256(data.encode())
        total.update(json.dumps([self.config.model_dump(), self.training.model_dump(), seed]).encode())
        for _, value in sorted(self.network.state_dict().items()):
            total.update(value.detach().cpu().numpy().tobytes())
        return total.hexdigest()

    @torch.inference_mode()
    def factors(self, data: Dataset, users: IntArray) -> Factors:
        """Scores of these users (indices into `data.users`) at `data.as_of`."""
        network, phones = self._fitted(), self._phones(data)
        device = next(network.parameters()).device
        asked = asked_of(data, network.signature).to(device)
        if network.live is not None:
            asked = network.live.asked(asked, data)
        some_phones = np.arange(0, len(data.catalogue), 1 + (len(data.catalogue) - 1) // EXPECTED)
        among = torch.from_numpy(some_phones).to(device)
        moments = moments_of(data).at(np.array([data.as_of]))[0]  # (items, WIDTH)
        true_now = torch.from_numpy(moments[some_phones][None]).to(device)
        scale = float(network.log_scale.exp())
        items = np.hstack([phones.vectors.cpu().numpy() * scale, moments, phones.bias.cpu().numpy()[:, None]])
        chosen = self.config
        reader = Reader(data, tell(data), network.signature, chosen.history, chosen.queries, chosen.evidence)
        rows = [np.empty((0, items.shape[1]), np.float32)]
        for at in range(0, len(users), USERS_AT_ONCE):
            some = users[at : at + USERS_AT_ONCE]
            now = np.full(len(some), data.as_of)
            passages = cut(reader.stories, some, now, self.config.history, 1)
            reading, order = reader.read(
                passages, np.arange(len(passages)), some, now, data.users.features[some]
            )
            barred = torch.from_numpy(barred_of(data, some[order], now, some_phones)).to(device)
            today = torch.zeros(len(some), dtype=torch.int64, device=device)
            shelf = Shelf(true_now, today, barred)
            wishes = network.wishes(reading.to(device), asked, phones, shelf, among)
            ones = torch.ones_like(wishes.vectors[:, :1])
            side = torch.cat([wishes.vectors, wishes.moments, ones], 1).cpu().numpy()
            block = np.empty_like(side)
            block[order] = side
            rows.append(block)
        return Factors(np.vstack(rows), np.ascontiguousarray(items, np.float32))

    def score(self, data: Dataset, users: IntArray) -> FloatArray:
        """`(len(users), items) float32`, higher is better."""
        factors = self.factors(data, users)
        return factors.users @ factors.items.T

    def item_vectors(self, data: Dataset) -> FloatArray:
        """`(items, d) float32`: phones that are alike have a high cosine."""
        return self._phones(data).vectors.cpu().numpy()

    def item_weights(self, data: Dataset) -> tuple[tuple[str, ...], FloatArray]:
        """The modalities of phones, and `(items, modalities)` how much each phone's vector rests on each."""
        network = self._fitted()
        return network.items.names, self._phones(data).weights.cpu().numpy()

    def save(self, folder: Path) -> None:
        """Write `weights.safetensors` and `model.json`; encoders that learned have folders of their own kind below."""
        network = self._fitted()
        folder.mkdir(parents=True, exist_ok=True)
        weights = {
            name: value.detach().cpu().contiguous()
            for name, value in network.state_dict().items()
            if not name.startswith(LIVE)
        }
        save_file(weights, folder / WEIGHTS)
        about = {
            "config": self.config.model_dump(),
            "training": self.training.model_dump(),
            "signature": json.loads(network.signature.to_json()),
            "standing": vars(self.standing),
            "encoders": {} if network.live is None else network.live.save(folder / ENCODERS),
        }
        (folder / ABOUT).write_text(json.dumps(about, indent=1, sort_keys=True))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what `save` wrote.

        Raises:
            Mismatch: If a file is missing or damaged, or the weights do not fit their settings.
        """
        try:
            about = json.loads((folder / ABOUT).read_text())
            weights = load_file(folder / WEIGHTS)
            config = FusionConfig.from_stored(about["config"])
            model = cls(config, TrainingConfig.from_stored(about["training"]))
            signature = Signature.from_json(json.dumps(about["signature"]))
            told = about.get("encoders")
            live = LiveEncoders.load(folder / ENCODERS, told, model.config.end_to_end) if told else None
            model.network = FusionNetwork(signature, model.config, live)
            theirs = {n: one for n, one in model.network.state_dict().items() if n.startswith(LIVE)}
            model.network.load_state_dict(weights | theirs)
        except (OSError, ValueError, KeyError, TypeError, SafetensorError, RuntimeError) as error:
            raise Mismatch(
                f"{folder}: no usable fusion model ({str(error).splitlines()[0]}); train it again"
            ) from None
        model.standing = Standing(**about["standing"])
        model.network.eval()
        return model

    @torch.inference_mode()
    def _phones(self, data: Dataset) -> Phones:
        network = self._fitted()
        network.signature.check(data)
        network.eval()
        items = items_of(data, network.signature).to(next(network.parameters()).device)
        return network.phones(items if network.live is None else network.live.items(items, data))

    def _fitted(self) -> FusionNetwork:
        if self.network is None:
            raise RuntimeError("The fusion recommender was not fitted")
        return self.network
