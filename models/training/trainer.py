"""The trainer: epochs of steps, validation after each epoch, and the best weights at the end."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.config import TrainingConfig
from models.dataset import Dataset, IntArray
from models.evaluation.hits import find_hits
from models.evaluation.ndcg import ndcg_at_k
from models.evaluation.split import EvaluationSplit
from models.network.fusion_network import FusionNetwork
from models.network.inputs import ItemInputs, QueryInputs
from models.recommender_interface import Factors
from models.topn.dense import find_top_n_in_float32
from models.training import distributed
from models.training.checkpoint import restore_checkpoint, write_checkpoint
from models.training.devices import autocast_products, resolve_device
from models.training.errors import TrainingError
from models.training.fit_options import VALIDATION_K, FitOptions, Progress, TrainState
from models.training.joint_encoding import JointEncoder
from models.training.objective import compute_losses
from models.training.optimizer_schedule import (
    build_optimizer,
    compute_rate_factor,
    count_steps,
    split_parameters,
)
from models.training.training_set import TrainingBatch, TrainingSet


class Trainer:
    """Trains a network on a training set.

    All randomness of a step is drawn from generators seeded by the run's seed, epoch and step, so that a run
    continued after a kill takes the same steps as one that was never killed.

    Args:
        network: Network with calibrated inputs, changed in place.
        training_set: Examples and targets.
        training: Settings.
        seed: Seed of batches, negatives and sampled queries; torch's own seed is set by the caller.
        options: Validation or stop signal, epochs, checkpoints, progress.
        compute_factors: Returns the network's factors for some users of a dataset, in evaluation mode.
        digest: Digest of data, settings and initial weights: a checkpoint with another one is not continued.
    """

    def __init__(
        self,
        network: FusionNetwork,
        training_set: TrainingSet,
        training: TrainingConfig,
        seed: int,
        options: FitOptions,
        compute_factors: Callable[[Dataset, IntArray], Factors],
        digest: str,
    ) -> None:
        self.network, self.training_set, self.training = network, training_set, training
        self.seed, self.options, self.compute_factors, self.digest = seed, options, compute_factors, digest
        self.device = resolve_device(training.device)
        self.network.to(self.device)
        self.items, self.queries = training_set.items.to(self.device), training_set.queries.to(self.device)
        encoders = network.encoders
        self.joint_encoder = JointEncoder(encoders, training_set) if encoders is not None else None
        self.epochs = options.epochs or training.epochs
        self.steps = count_steps(len(training_set.windows), training)
        self.adam = build_optimizer(network, training)
        self.state = TrainState(epochs=self.epochs)
        self.kept = dict[int, dict[str, Tensor]]()
        if training.compile:
            # Sets the compiler's own switch, too; elsewhere the compiler stays unloaded.
            torch.use_deterministic_algorithms(True, warn_only=True)
        self.compute_losses = (
            torch.compile(compute_losses, dynamic=True) if training.compile else compute_losses
        )

    def run(self) -> TrainState:
        """Run the epochs, or those left after a checkpoint, and load the best weights into the network.

        Raises:
            TrainingError: If a loss is not finite, or memory does not suffice.
        """
        if self.options.checkpoint_folder is not None:
            self._restore_checkpoint(self.options.checkpoint_folder)
        try:
            while self.state.epoch < self.epochs and not self._is_finished():
                self._run_epoch()
        except (torch.OutOfMemoryError, MemoryError):
            raise TrainingError(
                f"out of memory on {self.device} with [training] batch = {self.training.batch} in "
                f"{self.training.accumulation} part(s): raise accumulation or lower batch"
            ) from None
        if self.options.stop_signal is not None:
            self._return_to_epoch(self.options.stop_signal.wait())
        elif self.state.best_epoch in self.kept:
            self.network.load_state_dict(self.kept[self.state.best_epoch])
        if self.network.encoders is not None:
            self.network.encoders.finish_training()
        self.network.eval()
        return self.state

    def _run_epoch(self) -> None:
        """Take the epoch's steps that are left, then finish it; return early if the stop signal says so."""
        now = self.state
        order = np.random.default_rng([self.seed, now.epoch]).permutation(len(self.training_set.windows))
        began = time.perf_counter()
        self.network.train()
        for step, windows in enumerate(np.array_split(order, self.steps)):
            # Taken before the checkpoint from which this run continues.
            if step < now.step:
                continue
            if self._is_finished():
                return
            self._refresh_encodings(step)
            now.loss += self._take_step(windows)
            now.step += 1
            now.questions += self.training_set.count_examples(windows)
            self._report_progress(began)
            if self.options.checkpoint_folder is not None and now.step % self.training.checkpoint_steps == 0:
                self._write_checkpoint(self.options.checkpoint_folder)
        self._finish_epoch(began)

    def _take_step(self, windows: IntArray) -> float:
        """Take one optimizer step on a batch, and return its mean loss.

        The batch is divided among processes, and each share into parts whose gradients add up. Losses are
        sums over targets divided by the whole batch's totals, so that neither division changes the gradient.
        """
        now = self.state
        for group in self.adam.param_groups:
            group["lr"] = group["highest"] * compute_rate_factor(
                now.epoch * self.steps + now.step, self.epochs * self.steps, self.training.warm_up
            )
        total_weight, total_opened = self.training_set.sum_weights(windows)
        self.adam.zero_grad()
        total = torch.zeros((), device=self.device)
        parts = np.array_split(distributed.take_own_share(windows), self.training.accumulation)
        draws = np.random.default_rng([self.seed, now.epoch, now.step]).random(
            len(self.training_set.data.queries), dtype=np.float32
        )
        for number, part in enumerate(parts):
            if not len(part):
                continue
            random = np.random.default_rng([self.seed, now.epoch, now.step, number, distributed.get_rank()])
            batch = self.training_set.build_batch(part, random, draws).to(self.device)
            with autocast_products(self.training, self.device):
                batch, items, queries = self._encode_content(batch, random)
                both = self.compute_losses(self.network, items, queries, batch, self.training)
            loss = both.choice / max(total_weight, 1e-9)
            loss = loss + self.training.shown_weight * both.impression / max(total_opened, 1.0)
            # outside the autocast context: torch advises against a backward pass under autocast
            torch.autograd.backward(loss)
            total += loss.detach()
        mean = float(distributed.sum_over_processes(total))
        # checked before the step, so that the last good weights are still those of the network
        if not math.isfinite(mean):
            raise TrainingError(
                f"the loss is {mean} at step {now.step + 1} of epoch {now.epoch + 1}: lower [training] "
                "learning_rate, or look for features or vectors that are not finite"
            )
        distributed.sum_gradients(self.network)
        # encoders are clipped apart: a large gradient of theirs must not shrink the recommender's steps
        for weights in split_parameters(self.network):
            torch.nn.utils.clip_grad_norm_(weights, self.training.clip)
        self.adam.step()
        return mean

    def _refresh_encodings(self, step: int) -> None:
        """Encode all contents again at intervals, if encoders are trained.

        They are also encoded at every checkpoint: a run that continues from it starts without tables, and
        must take the same steps as one that was never killed.
        """
        every = self.network.config.end_to_end.refresh_steps
        if self.joint_encoder is not None and 0 in (step % every, step % self.training.checkpoint_steps):
            self.joint_encoder.refresh()

    def _encode_content(
        self, batch: TrainingBatch, random: np.random.Generator
    ) -> tuple[TrainingBatch, ItemInputs, QueryInputs]:
        """Return batch, phones and queries, attached to trainable encoders where there are any."""
        is_whole = len(batch.columns) == len(self.items.price)
        items = self.items if is_whole else self.items.take(batch.columns)
        if self.joint_encoder is None:
            return batch, items, self.queries
        return self.joint_encoder.encode_batch(batch, items, self.queries, random)

    def _finish_epoch(self, began: float) -> None:
        """Validate, keep the weights if they may be the best, and prepare the state for the next epoch."""
        now, loss = self.state, self.state.loss / self.steps
        now.curves.setdefault("loss", []).append(loss)
        value = None
        if self.options.validation is not None:
            value = self._validate(self.options.validation)
            now.curves.setdefault(f"validation NDCG@{VALIDATION_K}", []).append(value)
            if value > now.best:
                now.best, now.best_epoch = value, now.epoch + 1
                self.kept = {now.epoch + 1: self._copy_weights()}
        # while the stop signal is undecided, any epoch may turn out to be the best one
        if self.options.stop_signal is not None and self.options.stop_signal.peek() in (None, now.epoch + 1):
            self.kept[now.epoch + 1] = self._copy_weights()
        self._report_progress(began, value)
        now.epoch, now.step, now.loss, now.questions = now.epoch + 1, 0, 0.0, 0
        if self.options.checkpoint_folder is not None:
            self._write_checkpoint(self.options.checkpoint_folder)

    def _validate(self, split: EvaluationSplit) -> float:
        """Return the mean NDCG of the network's lists on an evaluation split."""
        self.network.eval()
        if self.joint_encoder is not None:
            self.joint_encoder.refresh()
        factors = self.compute_factors(split.past, split.users)
        lists = find_top_n_in_float32(factors, VALIDATION_K, split.exclude, split.candidates)
        return float(ndcg_at_k(find_hits(lists, split.relevant), VALIDATION_K).mean())

    def _copy_weights(self) -> dict[str, Tensor]:
        """Return a copy of the network's weights."""
        return {name: one.detach().clone() for name, one in self.network.state_dict().items()}

    def _is_finished(self) -> bool:
        """Return whether no better epoch is to be expected, by the stop signal or by validation."""
        now = self.state
        if self.options.stop_signal is not None:
            best = self.options.stop_signal.peek()
            return best is not None and now.epoch >= best
        return self.options.validation is not None and now.epoch - now.best_epoch >= self.training.patience

    def _return_to_epoch(self, epoch: int) -> None:
        """Restore weights and state as they were after an epoch."""
        now = self.state
        self.network.load_state_dict(self.kept[epoch])
        curves = {name: values[:epoch] for name, values in now.curves.items()}
        self.state = TrainState(epochs=now.epochs, epoch=epoch, best_epoch=epoch, curves=curves)

    def _report_progress(self, began: float, value: float | None = None) -> None:
        """Report progress; `value` is the validation NDCG after an epoch."""
        now = self.state
        self.options.on_step(
            Progress(
                now.epoch + 1, self.epochs, now.step, self.steps, now.questions,
                time.perf_counter() - began, now.loss / max(now.step, 1), value,
            )
        )  # fmt: skip

    def _write_checkpoint(self, folder: Path) -> None:
        """Write a checkpoint of this state, which is the same in all processes."""
        about = {"digest": self.digest, "standing": vars(self.state)}
        write_checkpoint(folder, self.network, self.adam, self.kept, about)

    def _restore_checkpoint(self, folder: Path) -> None:
        """Continue from the folder's checkpoint if it is one of this run."""
        found = restore_checkpoint(folder, self.network, self.adam, self.digest)
        if found is not None:
            about, self.kept = found
            self.state = TrainState(**about["standing"])


def hash_dataset(data: Dataset) -> str:
    """Return the SHA-256 of everything in a dataset that training reads."""
    total = hashlib.sha256(str(data.as_of).encode())
    events, queries = data.interactions, data.queries
    arrays: list[NDArray[Any]] = [
        events.user,
        events.item,
        events.event_type,
        events.weight,
        events.at,
        queries.user,
        queries.at,
    ]
    arrays += [data.catalogue.item_ids, data.catalogue.price, data.catalogue.released_at, data.users.user_ids]
    arrays += [part.values for part in (*data.catalogue.modalities.values(), *queries.modalities.values())]
    arrays += [data.context] if data.context is not None else []
    for array in arrays:
        # an empty array cannot be viewed as bytes
        total.update(np.ascontiguousarray(array).view(np.uint8).data if array.size else b"")
    return total.hexdigest()
