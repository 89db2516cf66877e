"""Evaluates pretraining on user behaviour: items viewed after a query, and new items of the last days.

Encoders learn from texts, pictures and sounds, never from behaviour, so queries of all time can be used for
evaluation.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy import sparse

from handpick.dataset.encoders import RegisteredEncoders
from handpick.dataset.item_text import build_spec_sheet, format_item_text
from handpick.errors import HandpickError
from handpick.runtime.log import track_progress
from models.encoders.encoder_names import BILSTM, SHOP_BERT, SHOP_CNN

if TYPE_CHECKING:
    from handpick.stages.pretrain.trainer import EncoderTrainer
    from models.dataset import FloatArray, IntArray
    from models.encoders.interface import Encoder
    from models.pretraining.objective_ablation import ObjectiveResult

EVENT_TYPES = ("view", "cart", "purchase")
"""Events that show interest in an item."""
ANSWER_WINDOW = timedelta(hours=24)
"""Items that a user views, carts or buys within this time after a query count as relevant for it."""
MAX_QUERIES = 20_000
"""The latest queries of each kind of content that are used, so that a large shop's fit in memory."""


class NoEvaluationEvents(HandpickError):
    """No user has events both before and in the days to evaluate on."""


@dataclass(frozen=True)
class QueryTargets:
    """Queries with one kind of content, and the items that their users viewed, carted or bought next.

    Args:
        rows: `(n,) int64`, rows of the trainer's queries.
        relevant: `(n, items)`, 1 where an item is relevant.
    """

    rows: IntArray
    relevant: sparse.csr_matrix


class DownstreamEvaluator:
    """Ranks items by the vectors of encoders with and without each objective, and measures NDCG@20.

    There are two tasks: items for queries, by nearness to the query; and items for users, by nearness to the
    mean of the items that they had events with before the last `[pretraining] window_days`.

    Args:
        trainer: Gives the night's content, settings and seed.

    Raises:
        NoEvaluationEvents: If there is no user to evaluate on.
    """

    def __init__(self, trainer: EncoderTrainer) -> None:
        self.trainer, self.night = trainer, trainer.night
        self.settings = trainer.night.settings.pretraining
        self.items = trainer.items.to_pylist()
        self.item_index = pd.Index(trainer.items["item_id"].to_pylist())
        since = self.night.as_of - timedelta(days=self.settings.window_days)
        self.queries, self.events = _read_queries(trainer), _read_events(trainer)
        is_late = self.events["occurred_at"] >= since
        late, before = self.events[is_late], self.events[~is_late]
        self.users = pd.Index(sorted(set(before["user_id"]) & set(late["user_id"])))
        if self.users.empty:
            raise NoEvaluationEvents(
                f"No user has events both before and in the last {self.settings.window_days} days before "
                f"{self.night.as_of:%Y-%m-%d}: pretraining cannot be evaluated. The new encoders are kept "
                "and serve from the next night; a shorter [pretraining] window_days may include more events."
            )
        self.history = self._to_matrix(before)
        later = self._to_matrix(late)
        # Items that a user knew before are no targets: finding them again needs no similarity of content.
        self.relevant = (later - later.multiply(self.history)).tocsr()
        self.relevant.eliminate_zeros()
        has_target = np.flatnonzero(np.diff(self.relevant.indptr))
        self.history, self.relevant = self.history[has_target], self.relevant[has_target]

    def evaluate_text(self, text: Encoder[str]) -> list[ObjectiveResult]:
        """Evaluate the objectives of the shop's BERT on typed queries and on users.

        Args:
            text: The BERT as it was just trained with the configured objectives.
        """
        from models.encoders.text import HuggingFaceTextEncoder
        from models.pretraining.config import TEXT_OBJECTIVES
        from models.pretraining.shop_bert import pretrain_bert

        targets, configured = self._find_targets("text"), self.settings.text
        typed = [self.trainer.queries["text"][row].as_py() for row in targets.rows.tolist()]
        item_texts = [format_item_text(row) for row in self.items]
        texts = self.trainer.read_texts()

        def encode_with(objectives: tuple[Any, ...]) -> tuple[FloatArray, FloatArray]:
            if set(objectives) == set(configured.objectives):
                return text.encode(typed), text.encode(item_texts)
            # Without any objective the encoder keeps its random initial weights: the baseline.
            steps = configured.steps if objectives else 0
            config = configured.model_copy(update={"objectives": objectives, "steps": steps})
            with tempfile.TemporaryDirectory() as folder:
                pretrain_bert(texts, config, self.night.seed, track_progress).save(Path(folder))
                other = HuggingFaceTextEncoder(folder, self.night.settings.embed.max_tokens, device="cpu")
                return other.encode(typed), other.encode(item_texts)

        return self._compare(
            "typed queries", "texts", targets, configured.objectives, TEXT_OBJECTIVES, encode_with
        )

    def evaluate_image(self, text: Encoder[str]) -> list[ObjectiveResult]:
        """Evaluate the objectives of the shop's CNN on photo queries and on users.

        Args:
            text: The text encoder, for the objective `text_image`.
        """
        from models.encoders.cnn import encode_pictures
        from models.pretraining.config import IMAGE_OBJECTIVES
        from models.pretraining.image_views import pretrain_image

        targets, configured = self._find_targets("image"), self.settings.image
        pictures, words = self.trainer.read_pictures()
        photos, targets = self._decode(targets, "image")
        shown = {row: picture for row, item in enumerate(self.items) if item["image_path"]
                 and (picture := self._decode_file(item["image_path"], "image")) is not None}  # fmt: skip

        def encode_with(objectives: tuple[Any, ...]) -> tuple[FloatArray, FloatArray]:
            import torch

            config = configured.model_copy(update={"objectives": objectives})
            word_vectors = torch.from_numpy(text.encode(words)) if "text_image" in objectives else None
            module, _ = pretrain_image(pictures, word_vectors, config, self.night.seed, track_progress)
            # Items without a readable picture keep zeros, and so rank behind every similar item.
            item_vectors = np.zeros((len(self.items), module.dim), np.float32)
            item_vectors[list(shown)] = encode_pictures(module, list(shown.values()))
            return encode_pictures(module, photos), item_vectors

        return self._compare(
            "photos", "pictures", targets, configured.objectives, IMAGE_OBJECTIVES, encode_with
        )

    def evaluate_audio(self, audio: Encoder[Any], text: Encoder[str]) -> list[ObjectiveResult]:
        """Evaluate the objective of the BiLSTM on spoken queries, against a BiLSTM with its initial weights.

        Args:
            audio: The BiLSTM as it was just trained.
            text: The text encoder in whose vector space it was trained.
        """
        from models.encoders.bilstm import BiLstm, encode_sounds
        from models.pretraining.config import AUDIO_OBJECTIVES
        from models.pretraining.objective_ablation import compare_objectives, evaluate_search
        from models.pretraining.training_loop import seed_generator

        sounds, targets = self._decode(self._find_targets("audio"), "audio")
        item_vectors = text.encode([format_item_text(row) for row in self.items])

        def measure(objectives: tuple[str, ...]) -> float:
            if objectives:
                return evaluate_search(audio.encode(sounds), item_vectors, targets.relevant)
            with seed_generator(self.night.seed):
                untrained = BiLstm(text.dim, self.settings.audio.hidden, self.settings.audio.layers).eval()
            return evaluate_search(encode_sounds(untrained, sounds), item_vectors, targets.relevant)

        if not len(targets.rows):
            return []
        return compare_objectives(
            "phones for spoken queries", len(targets.rows), AUDIO_OBJECTIVES, AUDIO_OBJECTIVES, measure
        )

    def evaluate_rows(self, text: Encoder[str], specs: Encoder[Any]) -> list[ObjectiveResult]:
        """Evaluate both autoencoders, on user histories and on item content.

        Args:
            text: The text encoder.
            specs: The spec sheet encoder.
        """
        from models.pretraining.objective_ablation import compare_autoencoders

        content = np.hstack(
            [
                text.encode([format_item_text(row) for row in self.items]),
                specs.encode([build_spec_sheet(row) for row in self.items]),
            ]
        )
        if not self.relevant.shape[0]:
            return []
        return compare_autoencoders(
            self.history,
            standardize(content),
            self.relevant,
            self.settings.rows,
            self.night.seed,
            track_progress,
        )

    def _compare(
        self,
        queries: str,
        content: str,
        targets: QueryTargets,
        configured: Sequence[Any],
        every: Sequence[Any],
        encode_with: Callable[[tuple[Any, ...]], tuple[FloatArray, FloatArray]],
    ) -> list[ObjectiveResult]:
        """Return the results of both tasks; a task without cases is left out.

        Args:
            queries: The queries, as the task names them.
            content: The items' content, as the task names it.
            targets: Queries that can be encoded, and their relevant items.
            configured: Objectives in the settings.
            every: All objectives of this kind of content.
            encode_with: Returns the vectors of the queries and of the items by an encoder with these
                objectives.
        """
        from models.pretraining.objective_ablation import (
            compare_objectives,
            evaluate_profiles,
            evaluate_search,
        )

        encode_once = cache(encode_with)  # both tasks use the same vectors, and training them is the cost

        def measure_search(objectives: tuple[Any, ...]) -> float:
            return evaluate_search(*encode_once(objectives), targets.relevant)

        def measure_profiles(objectives: tuple[Any, ...]) -> float:
            return evaluate_profiles(self.history, encode_once(objectives)[1], self.relevant)

        results: list[ObjectiveResult] = []
        if len(targets.rows):
            results += compare_objectives(
                f"phones for {queries}", len(targets.rows), configured, every, measure_search
            )
        if users := self.relevant.shape[0]:
            results += compare_objectives(
                f"phones for users, told by {content}", users, configured, every, measure_profiles
            )
        return results

    def _find_targets(self, kind: str) -> QueryTargets:
        """Return the queries that have this content and at least one relevant item."""
        column = "text" if kind == "text" else f"{kind}_path"
        queries = (
            self.queries[self.queries[column]].sort_values("occurred_at", kind="stable").tail(MAX_QUERIES)
        )
        # All pairs of a user's queries and events; the window then keeps the events that follow a query.
        pairs = queries.merge(self.events, on="user_id", suffixes=("", "_event"))
        waited = pairs["occurred_at_event"] - pairs["occurred_at"]
        pairs = pairs[(waited >= timedelta(0)) & (waited <= ANSWER_WINDOW)]
        rows, places = np.unique(pairs["row"].to_numpy(np.int64), return_inverse=True)
        items = self.item_index.get_indexer(pairs["item_id"])
        return QueryTargets(rows, _to_indicators(places, items, len(rows), len(self.item_index)))

    def _decode(self, targets: QueryTargets, kind: str) -> tuple[list[Any], QueryTargets]:
        """Return the decoded media of the queries, and the queries whose media could be decoded."""
        paths = self.trainer.queries[f"{kind}_path"]
        contents = [self._decode_file(paths[row].as_py(), kind) for row in targets.rows.tolist()]
        kept = np.array([place for place, content in enumerate(contents) if content is not None], np.int64)
        readable = QueryTargets(targets.rows[kept], targets.relevant[kept])
        return [contents[place] for place in kept.tolist()], readable

    def _decode_file(self, path: str, kind: str) -> Any:
        """Return the decoded content of a file; None where it cannot be used."""
        return self.trainer.files.decode(path, kind).content

    def _to_matrix(self, events: pd.DataFrame) -> sparse.csr_matrix:
        """Return `(users, items)`, 1 where a user has an event with an item."""
        users = self.users.get_indexer(events["user_id"])
        kept = users >= 0
        items = self.item_index.get_indexer(events["item_id"])
        return _to_indicators(users[kept], items[kept], len(self.users), len(self.item_index))


def evaluate_objectives(
    evaluator: DownstreamEvaluator, encoders: RegisteredEncoders
) -> list[ObjectiveResult]:
    """Return the results of the objectives of all encoders that were trained.

    Args:
        evaluator: The night's evaluator.
        encoders: The encoders that were just trained and registered.
    """
    trainer = evaluator.trainer
    settings, results = trainer.night.settings.embed, list["ObjectiveResult"]()
    if SHOP_BERT in settings.text:
        results += evaluator.evaluate_text(_find_shop_bert(encoders.text))
    if settings.image == SHOP_CNN and trainer.has_pictures() and encoders.image is not None:
        results += evaluator.evaluate_image(encoders.text)
    if settings.audio == BILSTM and trainer.has_sounds() and encoders.audio is not None:
        results += evaluator.evaluate_audio(encoders.audio, encoders.text)
    return results + evaluator.evaluate_rows(encoders.text, encoders.specs)


def standardize(content: FloatArray) -> FloatArray:
    """Return each column with mean 0 and deviation 1, `(n, d) float32`; constant columns become 0."""
    scaled: FloatArray = (content - content.mean(0)) / np.maximum(content.std(0), 1e-3)
    return scaled


def _find_shop_bert(text: Encoder[str]) -> Encoder[str]:
    """Return the shop's BERT out of the configured text encoders."""
    from models.encoders.text import ConcatenatedTextEncoder

    parts = text.parts if isinstance(text, ConcatenatedTextEncoder) else [text]
    return next(part for part in parts if part.name == SHOP_BERT)


def _read_events(trainer: EncoderTrainer) -> pd.DataFrame:
    """Return the events that show interest in items of the catalogue."""
    night = trainer.night
    columns = ["user_id", "item_id", "event_type", "occurred_at"]
    events = night.lake.read_through("marts/fct_interactions", night.logical_date, columns).to_pandas()
    is_known = events["item_id"].isin(trainer.items["item_id"].to_pylist())
    return events[events["event_type"].isin(EVENT_TYPES) & is_known]


def _read_queries(trainer: EncoderTrainer) -> pd.DataFrame:
    """Return row, user and time of each query, and a flag for each kind of content that it has."""
    table: pa.Table = trainer.queries
    frame = table.select(["user_id", "occurred_at"]).to_pandas().assign(row=np.arange(len(table)))
    for column in ("text", "image_path", "audio_path"):
        frame[column] = [bool(value) for value in table[column].to_pylist()]
    return frame


def _to_indicators(rows: Any, columns: Any, height: int, width: int) -> sparse.csr_matrix:
    """Return a `(height, width)` matrix of ones at these places, each place once."""
    matrix = sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=(height, width))
    matrix.sum_duplicates()  # a user may view an item twice; it counts once
    matrix.data[:] = 1
    return matrix
