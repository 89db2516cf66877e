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
from models.dataset import Dataset, FloatArray, IntArray
from models.network.data_signature import DataSignature, ModelMismatch, build_signature
from models.network.fusion_network import CandidateSet, FusionNetwork
from models.network.inputs import build_item_inputs, build_query_inputs
from models.network.item_tower import ItemOutput
from models.network.sequence_batching import SequenceBatcher, cut_windows, find_excluded
from models.network.temporal_features import build_temporal_features
from models.network.trainable_encoders import TrainableEncoders, build_trainable_encoders
from models.network.user_sequences import build_user_sequences
from models.recommender_interface import Factors
from models.training.devices import resolve_device, run_deterministically
from models.training.distributed import join_process_group
from models.training.errors import TrainingError
from models.training.fit_options import FitOptions, KnownStop, ProgressCallback, TrainState, ignore_progress
from models.training.identity_pretraining import pretrain_identities
from models.training.trainer import Trainer, hash_dataset
from models.training.training_set import TrainingSet
from models.training.warm_start import copy_weights

WEIGHTS, ABOUT, ENCODERS = "weights.safetensors", "model.json", "encoders"
ENCODER_PREFIX = "encoders."
"""Start of the names of trainable encoders' weights, which are stored apart: `FusionNetwork.encoders`."""
USERS_PER_BATCH = 2048
MAX_EXPECTATION_ITEMS = 8192
"""Maximum number of phones of an expectation at scoring; of more, every second, third … is taken."""


class FusionRecommender:
    """Recommender that fuses text, pictures, voice, specifications and behaviour in one network.

    `factors` runs the network on tonight's data: one row for each user, one for each phone, and their inner
    product is the score. What was learned about a phone by its id is used where the id is known; any other
    phone is scored by its content.

    Args:
        config: Settings of the network.
        training: Settings of the trainer.
    """

    name = "fusion"

    def __init__(self, config: FusionConfig | None = None, training: TrainingConfig | None = None) -> None:
        self.config = config or FusionConfig()
        self.training = training or TrainingConfig()
        self.network: FusionNetwork | None = None
        self.train_state = TrainState()

    def fit(
        self,
        data: Dataset,
        seed: int,
        options: FitOptions | None = None,
        start: FusionRecommender | None = None,
    ) -> Self:
        """Fit the network to the data; the same data, seed and start give the same bytes on a CPU.

        Args:
            data: Nothing later than its `as_of` is used.
            seed: Seed of initial weights, batches and dropout.
            options: Validation, epochs, checkpoints, progress.
            start: A model whose weights to start from, matched by name; one of another shape is ignored.

        Raises:
            TrainingError: If nobody chose anything, a loss is not finite, or memory does not suffice.
        """
        training, options = self.training, options or FitOptions()
        signature = build_signature(data)
        with run_deterministically(seed, training.threads):
            training_set = TrainingSet(data, signature, self.config, training)
            self.network = FusionNetwork(signature, self.config, self._trainable_encoders(data, signature))
            self.network.calibrate(
                training_set.items, training_set.queries, torch.from_numpy(training_set.features)
            )
            identities = pretrain_identities(data, signature, self.config, seed)
            if identities is not None:
                self.network.items.initialise_identities(identities)
            if start is not None:
                copy_weights(self.network, start._fitted_network())
            with join_process_group(resolve_device(training.device)):
                digest = self._hash_inputs(hash_dataset(data), seed)
                trainer = Trainer(self.network, training_set, training, seed, options, self.factors, digest)
                self.train_state = trainer.run()
        return self

    def _trainable_encoders(self, data: Dataset, signature: DataSignature) -> TrainableEncoders | None:
        """Return the encoders to train with the network, None where the configuration freezes all.

        Raises:
            TrainingError: If the configuration asks for some and there is none.
        """
        if not self.config.is_end_to_end:
            return None
        encoders = build_trainable_encoders(data, signature, self.config)
        if not encoders.kinds:
            raise TrainingError(
                '[fusion] fusion = "end_to_end" finds no encoder to train: every one is frozen, left out or '
                "of a kind that cannot be trained, or the contents of the vectors were not kept; choose "
                "another fusion"
            )
        return encoders

    def refit(
        self,
        data: Dataset,
        seed: int,
        on_step: ProgressCallback = ignore_progress,
        start: FusionRecommender | None = None,
    ) -> Self:
        """Return a new model of the same settings, fitted to other data up to this model's best epoch.

        Args:
            data: Usually later than this model's.
            seed: As in `fit`.
            on_step: Called after every step.
            start: As in `fit`.
        """
        state = self.train_state
        stop = KnownStop(max(1, state.best_epoch))
        options = FitOptions(stop_signal=stop, epochs=state.epochs or None, on_step=on_step)
        return type(self)(self.config, self.training).fit(data, seed, options, start)

    def _hash_inputs(self, data: str, seed: int) -> str:
        """Return the SHA-256 of everything that decides the weights; `data` is the dataset's digest."""
        assert self.network is not None
        total = hashlib.sha256(data.encode())
        total.update(json.dumps([self.config.model_dump(), self.training.model_dump(), seed]).encode())
        for _, value in sorted(self.network.state_dict().items()):
            total.update(value.detach().cpu().numpy().tobytes())
        return total.hexdigest()

    @torch.inference_mode()
    def factors(self, data: Dataset, users: IntArray) -> Factors:
        """Return the factors of all phones, and of some users, at `data.as_of`.

        The three terms of the score become one inner product of `[user · scale; w(user); 1]` and
        `[item; φ(item, as_of); bias]`.

        Args:
            data: The night's dataset.
            users: `(n,)` indices into `data.users`.

        Raises:
            ModelMismatch: If the data's vectors or features are not those of training.
        """
        network, items = self._fitted_network(), self._item_output(data)
        device = next(network.parameters()).device
        queries = build_query_inputs(data, network.signature).to(device)
        if network.encoders is not None:
            queries = network.encoders.encode_queries(queries, data)
        some_items = np.arange(0, len(data.catalogue), 1 + (len(data.catalogue) - 1) // MAX_EXPECTATION_ITEMS)
        columns = torch.from_numpy(some_items).to(device)
        # `(items, TEMPORAL_WIDTH)` at the end of the logical date.
        temporal = build_temporal_features(data).compute_at(np.array([data.as_of]))[0]
        temporal_of_some = torch.from_numpy(temporal[some_items][None]).to(device)  # (1, c, TEMPORAL_WIDTH)
        scale = float(network.log_scale.exp())
        item_side = np.hstack(
            [items.vectors.cpu().numpy() * scale, temporal, items.bias.cpu().numpy()[:, None]]
        )  # (items, dim + TEMPORAL_WIDTH + 1)
        config = self.config
        batcher = SequenceBatcher(
            data,
            build_user_sequences(data),
            network.signature,
            config.history,
            config.queries,
            config.evidence,
        )
        blocks = [np.empty((0, item_side.shape[1]), np.float32)]
        for at in range(0, len(users), USERS_PER_BATCH):
            some = users[at : at + USERS_PER_BATCH]
            now = np.full(len(some), data.as_of)
            # A stride of 1 gives each user the window of their very latest tokens.
            windows = cut_windows(batcher.sequences, some, now, config.history, 1)
            inputs, order = batcher.build_inputs(
                windows, np.arange(len(windows)), some, now, data.users.features[some]
            )
            excluded = torch.from_numpy(find_excluded(data, some[order], now, some_items)).to(device)
            today = torch.zeros(len(some), dtype=torch.int64, device=device)
            candidates = CandidateSet(temporal_of_some, today, excluded)
            output = network.encode_users(inputs.to(device), queries, items, candidates, columns)
            ones = torch.ones_like(output.vectors[:, :1])
            user_side = torch.cat([output.vectors, output.temporal_weights, ones], 1).cpu().numpy()
            # Examples come by window; they are put back into the order of `users`.
            block = np.empty_like(user_side)
            block[order] = user_side
            blocks.append(block)
        return Factors(np.vstack(blocks), np.ascontiguousarray(item_side, np.float32))

    def score(self, data: Dataset, users: IntArray) -> FloatArray:
        """Return `(n, items) float32` scores of `n` users, higher is better."""
        factors = self.factors(data, users)
        return factors.users @ factors.items.T

    def item_vectors(self, data: Dataset) -> FloatArray:
        """Return `(items, d) float32` vectors; similar phones have a high cosine."""
        return self._item_output(data).vectors.cpu().numpy()

    def item_weights(self, data: Dataset) -> tuple[tuple[str, ...], FloatArray]:
        """Return modality names, and `(items, modalities)` their contribution to each phone's vector."""
        network = self._fitted_network()
        return network.items.modality_names, self._item_output(data).weights.cpu().numpy()

    @torch.inference_mode()
    def user_weights(self, data: Dataset, users: IntArray) -> tuple[tuple[str, ...], FloatArray]:
        """Return modality names, and `(n, modalities)` their contribution to each user's first vector.

        That is the vector which the inference steps then refine.
        """
        network, items = self._fitted_network(), self._item_output(data)
        device = next(network.parameters()).device
        queries = build_query_inputs(data, network.signature).to(device)
        if network.encoders is not None:
            queries = network.encoders.encode_queries(queries, data)
        config = self.config
        sequences = build_user_sequences(data)
        batcher = SequenceBatcher(
            data, sequences, network.signature, config.history, config.queries, config.evidence
        )
        found = np.zeros((len(users), len(network.users.modality_names)), np.float32)
        for at in range(0, len(users), USERS_PER_BATCH):
            some = users[at : at + USERS_PER_BATCH]
            now = np.full(len(some), data.as_of)
            windows = cut_windows(sequences, some, now, config.history, 1)
            inputs, order = batcher.build_inputs(
                windows, np.arange(len(windows)), some, now, data.users.features[some]
            )
            guess = network.users(inputs.to(device), queries, items.vectors, network.items)
            found[at + order] = guess.weights.cpu().numpy()
        return network.users.modality_names, found

    def save(self, folder: Path) -> None:
        """Write `weights.safetensors`, `model.json`, and trainable encoders in folders of `encoders/`."""
        network = self._fitted_network()
        folder.mkdir(parents=True, exist_ok=True)
        weights = {
            name: value.detach().cpu().contiguous()
            for name, value in network.state_dict().items()
            if not name.startswith(ENCODER_PREFIX)
        }
        save_file(weights, folder / WEIGHTS)
        about = {
            "config": self.config.model_dump(),
            "training": self.training.model_dump(),
            "signature": json.loads(network.signature.to_json()),
            "standing": vars(self.train_state),
            "encoders": {} if network.encoders is None else network.encoders.save(folder / ENCODERS),
        }
        (folder / ABOUT).write_text(json.dumps(about, indent=1, sort_keys=True))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load what `save` wrote.

        Raises:
            ModelMismatch: If a file is missing or damaged, or the weights do not fit their settings.
        """
        try:
            about = json.loads((folder / ABOUT).read_text())
            weights = load_file(folder / WEIGHTS)
            config = FusionConfig.from_stored(about["config"])
            model = cls(config, TrainingConfig.from_stored(about["training"]))
            signature = DataSignature.from_json(json.dumps(about["signature"]))
            saved = about.get("encoders")
            encoders = (
                TrainableEncoders.load(folder / ENCODERS, saved, model.config.end_to_end) if saved else None
            )
            model.network = FusionNetwork(signature, model.config, encoders)
            # trainable encoders have loaded their own weights already
            loaded = {
                name: value
                for name, value in model.network.state_dict().items()
                if name.startswith(ENCODER_PREFIX)
            }
            model.network.load_state_dict(weights | loaded)
        except (OSError, ValueError, KeyError, TypeError, SafetensorError, RuntimeError) as error:
            raise ModelMismatch(
                f"{folder}: no usable fusion model ({str(error).splitlines()[0]}); train it again"
            ) from None
        model.train_state = TrainState(**about["standing"])
        model.network.eval()
        return model

    @torch.inference_mode()
    def _item_output(self, data: Dataset) -> ItemOutput:
        """Check that the data fits the network, and return the item tower's output for its phones."""
        network = self._fitted_network()
        network.signature.check_data(data)
        network.eval()
        items = build_item_inputs(data, network.signature).to(next(network.parameters()).device)
        encoders = network.encoders
        return network.encode_items(items if encoders is None else encoders.encode_items(items, data))

    def _fitted_network(self) -> FusionNetwork:
        """Return the network of a fitted model."""
        if self.network is None:
            raise RuntimeError("The fusion recommender was not fitted")
        return self.network
