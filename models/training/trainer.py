"""A training course: epochs of steps, validation after each, the best weights at the end."""

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
from models.data import Dataset, IntArray
from models.evaluation.lists import judge
from models.evaluation.ndcg import ndcg
from models.evaluation.split import Exam
from models.interface import Factors
from models.network.fusion_network import FusionNetwork
from models.network.inputs import Asked, Items
from models.topn.dense import top_lists
from models.training import checkpoint, distributed
from models.training.devices import device_of, precision_of
from models.training.errors import TrainingError
from models.training.joint_encoding import Together
from models.training.objective import losses
from models.training.options import K, Plan, Progress, Standing
from models.training.schedule import optimizer, parts_of, rate, steps_of
from models.training.training_set import Batch, Lessons, on


class Course:
    """Trains a network on lessons.

    Args:
        network: With its inputs calibrated; it is changed in place.
        factors: The network's factors for an exam, in evaluation mode.
        digest: Of data, settings and start: a checkpoint with another one is not continued.
    """

    def __init__(
        self,
        network: FusionNetwork,
        lessons: Lessons,
        training: TrainingConfig,
        seed: int,
        plan: Plan,
        factors: Callable[[Dataset, IntArray], Factors],
        digest: str,
    ) -> None:
        self.network, self.lessons, self.training = network, lessons, training
        self.seed, self.plan, self.factors, self.digest = seed, plan, factors, digest
        self.device = device_of(training.device)
        self.network.to(self.device)
        self.items, self.asked = lessons.items.to(self.device), lessons.asked.to(self.device)
        self.together = Together(network.live, lessons) if network.live is not None else None
        self.epochs = plan.epochs or training.epochs
        self.steps = steps_of(len(lessons.passages), training)
        self.adam = optimizer(network, training)
        self.standing, self.kept = Standing(epochs=self.epochs), dict[int, dict[str, Tensor]]()
        self.losses = torch.compile(losses, dynamic=True) if training.compile else losses

    def run(self) -> Standing:
        """Go through the epochs, or those that are left after a checkpoint; the network has the best weights then.

        Raises:
            TrainingError: If a loss is not finite, or memory does not suffice.
        """
        if self.plan.folder is not None:
            self._resume(self.plan.folder)
        try:
            while self.standing.epoch < self.epochs and not self._is_over():
                self._epoch()
        except (torch.OutOfMemoryError, MemoryError):
            raise TrainingError(
                f"out of memory on {self.device} with [training] batch = {self.training.batch} in "
                f"{self.training.accumulation} part(s): raise accumulation or lower batch"
            ) from None
        if self.plan.verdict is not None:
            self._go_back(self.plan.verdict.final())
        elif self.standing.best_epoch in self.kept:
            self.network.load_state_dict(self.kept[self.standing.best_epoch])
        if self.network.live is not None:
            self.network.live.end()
        self.network.eval()
        return self.standing

    def _epoch(self) -> None:
        now = self.standing
        random = np.random.default_rng([self.seed, now.epoch])
        order = random.permutation(len(self.lessons.passages))
        began = time.perf_counter()
        self.network.train()
        for step, passages in enumerate(np.array_split(order, self.steps)):
            if step < now.step:
                continue
            if self._is_over():
                return
            self._refresh(step)
            now.loss += self._step(passages)
            now.step += 1
            now.questions += self._questions(passages)
            self._tell(began)
            if self.plan.folder is not None and now.step % self.training.checkpoint_steps == 0:
                self._keep(self.plan.folder)
        self._finish(began)

    def _step(self, passages: IntArray) -> float:
        """One step of the optimizer on a batch; the mean loss."""
        now = self.standing
        for group in self.adam.param_groups:
            group["lr"] = group["highest"] * rate(
                now.epoch * self.steps + now.step, self.epochs * self.steps, self.training.warm_up
            )
        chosen_total, opened_total = self.lessons.totals(passages)
        self.adam.zero_grad()
        total = torch.zeros((), device=self.device)
        pieces = np.array_split(distributed.own_part(passages), self.training.accumulation)
        luck = np.random.default_rng([self.seed, now.epoch, now.step]).random(
            len(self.lessons.data.queries), dtype=np.float32
        )
        for number, piece in enumerate(pieces):
            if not len(piece):
                continue
            random = np.random.default_rng([self.seed, now.epoch, now.step, number, distributed.rank()])
            batch = on(self.lessons.batch(piece, random, luck), self.device)
            with precision_of(self.training, self.device):
                batch, items, asked = self._content(batch, random)
                both = self.losses(self.network, items, asked, batch, self.training)
            loss = both.chosen / max(chosen_total, 1e-9)
            loss = loss + self.training.shown_weight * both.opened / max(opened_total, 1.0)
            torch.autograd.backward(loss)
            total += loss.detach()
        mean = float(distributed.summed(total))
        if not math.isfinite(mean):
            raise TrainingError(
                f"the loss is {mean} at step {now.step + 1} of epoch {now.epoch + 1}: lower [training] learning_rate, "
                "or look for features or vectors that are not finite"
            )
        distributed.sum_gradients(self.network)
        for weights in parts_of(self.network):
            torch.nn.utils.clip_grad_norm_(weights, self.training.clip)
        self.adam.step()
        return mean

    def _refresh(self, step: int) -> None:
        """Where encoders learn, encode everything anew now and then, and wherever a resumed course would have to."""
        every = self.network.config.end_to_end.refresh_steps
        if self.together is not None and 0 in (step % every, step % self.training.checkpoint_steps):
            self.together.refresh()

    def _content(self, batch: Batch, random: np.random.Generator) -> tuple[Batch, Items, Asked]:
        """The phones of the batch's columns and the queries, with gradients to their encoders where those learn."""
        is_whole = len(batch.columns) == len(self.items.price)
        items = self.items if is_whole else self.items.take(batch.columns)
        if self.together is None:
            return batch, items, self.asked
        return self.together.step(batch, items, self.asked, random)

    def _finish(self, began: float) -> None:
        """Validate, keep the best weights, and make ready for the next epoch."""
        now, loss = self.standing, self.standing.loss / self.steps
        now.curves.setdefault("loss", []).append(loss)
        value = None
        if self.plan.validation is not None:
            value = self._validate(self.plan.validation)
            now.curves.setdefault(f"validation NDCG@{K}", []).append(value)
            if value > now.best:
                now.best, now.best_epoch = value, now.epoch + 1
                self.kept = {now.epoch + 1: self._weights()}
        if self.plan.verdict is not None and self.plan.verdict.known() in (None, now.epoch + 1):
            self.kept[now.epoch + 1] = self._weights()
        self._tell(began, value)
        now.epoch, now.step, now.loss, now.questions = now.epoch + 1, 0, 0.0, 0
        if self.plan.folder is not None:
            self._keep(self.plan.folder)

    def _validate(self, exam: Exam) -> float:
        self.network.eval()
        if self.together is not None:
            self.together.refresh()
        found = self.factors(exam.past, exam.users)
        return float(ndcg(judge(top_lists(found, K, exam.exclude, exam.candidates), exam.relevant), K).mean())

    def _weights(self) -> dict[str, Tensor]:
        return {name: one.detach().clone() for name, one in self.network.state_dict().items()}

    def _is_over(self) -> bool:
        """Whether no better epoch is to be expected: of this course, or of the one whose verdict counts."""
        now = self.standing
        if self.plan.verdict is not None:
            best = self.plan.verdict.known()
            return best is not None and now.epoch >= best
        return self.plan.validation is not None and now.epoch - now.best_epoch >= self.training.patience

    def _go_back(self, epoch: int) -> None:
        """Be as after an epoch, whatever came after it."""
        now = self.standing
        self.network.load_state_dict(self.kept[epoch])
        curves = {name: values[:epoch] for name, values in now.curves.items()}
        self.standing = Standing(epochs=now.epochs, epoch=epoch, best_epoch=epoch, curves=curves)

    def _questions(self, passages: IntArray) -> int:
        starts = self.lessons.passages.question_start
        return int((starts[passages + 1] - starts[passages]).sum())

    def _tell(self, began: float, value: float | None = None) -> None:
        now = self.standing
        self.plan.watch(
            Progress(
                now.epoch + 1, self.epochs, now.step, self.steps, now.questions,
                time.perf_counter() - began, now.loss / max(now.step, 1), value,
            )
        )  # fmt: skip

    def _keep(self, folder: Path) -> None:
        if distributed.rank() == 0:
            about = {"digest": self.digest, "standing": vars(self.standing)}
            checkpoint.write(folder, self.network, self.adam, self.kept, about)

    def _resume(self, folder: Path) -> None:
        found = checkpoint.read(folder, self.network, self.adam, self.digest)
        if found is not None:
            about, self.kept = found
            self.standing = Standing(**about["standing"])


def digest_of_dataset(data: Dataset) -> str:
    """SHA-256 over everything in a dataset that training reads."""
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
        total.update(np.ascontiguousarray(array).view(np.uint8).data if array.size else b"")
    return total.hexdigest()
