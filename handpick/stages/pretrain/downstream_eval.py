"""Judges pretraining by what people did: what they looked at after a query, and what they took up in the last days.

Encoders learn from texts, pictures and sounds, never from what anybody did, so queries of all time may judge them.
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

from handpick.errors import HandpickError
from handpick.runtime.log import track
from handpick.stages.pretrain import corpus

if TYPE_CHECKING:
    from handpick.stages.pretrain.trainer import Trainer
    from models.data import FloatArray
    from models.encoders.interface import Encoder
    from models.pretraining.objective_ablation import Worth

MEANT = ("view", "cart", "purchase")
AFTER = timedelta(hours=24)
"""What a user looks at within a day of a query counts as an answer to it."""
MOST_QUERIES = 20_000
"""The latest queries of each kind of content that judge, so that a large shop's fit in memory."""


class NothingToJudge(HandpickError):
    """The days that should judge hold no events."""


@dataclass(frozen=True)
class Asked:
    """Queries with one kind of content, and what their users turned to.

    Args:
        rows: Places in the trainer's queries.
        wanted: `(rows, items)`.
    """

    rows: np.ndarray[Any, np.dtype[np.int64]]
    wanted: sparse.csr_matrix


class Judge:
    """The evidence of one night's marts: queries and events, and histories before the last `window_days`."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer, self.night = trainer, trainer.night
        self.settings = trainer.night.settings.pretraining
        self.items = trainer.items.to_pylist()
        self.known = pd.Index(trainer.items["item_id"].to_pylist())
        since = self.night.as_of - timedelta(days=self.settings.window_days)
        self.queries, self.events = _queries(trainer), _events(trainer)
        is_late = self.events["occurred_at"] >= since
        late, before = self.events[is_late], self.events[~is_late]
        self.users = pd.Index(sorted(set(before["user_id"]) & set(late["user_id"])))
        if self.users.empty:
            raise NothingToJudge(
                f"No user has events both before and in the last {self.settings.window_days} days before "
                f"{self.night.as_of:%Y-%m-%d}: nothing to judge pretraining by. The new encoders are kept and serve "
                "from the next night; a shorter [pretraining] window_days may find some."
            )
        self.history = self._matrix(before)
        later = self._matrix(late)
        self.wanted = (later - later.multiply(self.history)).tocsr()
        self.wanted.eliminate_zeros()
        told = np.flatnonzero(np.diff(self.wanted.indptr))
        self.history, self.wanted = self.history[told], self.wanted[told]

    def text(self, text: Encoder[str]) -> list[Worth]:
        """The small BERT's objectives: phones found by typed queries, and phones like those that users had looked at.

        Args:
            text: The small BERT as it was just trained with the configured objectives.
        """
        from models.encoders.text import HuggingFaceText
        from models.pretraining.config import TEXT
        from models.pretraining.shop_bert import pretrain_bert

        asked, configured = self._asked("text"), self.settings.text
        typed = [self.trainer.queries["text"][row].as_py() for row in asked.rows.tolist()]
        phones = [corpus.phone_text(row) for row in self.items]
        texts = self.trainer.texts()

        def encoded(objectives: tuple[Any, ...]) -> tuple[FloatArray, FloatArray]:
            if set(objectives) == set(configured.objectives):
                return text.encode(typed), text.encode(phones)
            steps = configured.steps if objectives else 0
            config = configured.model_copy(update={"objectives": objectives, "steps": steps})
            with tempfile.TemporaryDirectory() as folder:
                pretrain_bert(texts, config, self.night.seed, track).save(Path(folder))
                other = HuggingFaceText(folder, self.night.settings.embed.max_tokens, device="cpu")
                return other.encode(typed), other.encode(phones)

        return self._both("typed queries", "texts", asked, configured.objectives, TEXT, encoded)

    def image(self, text: Encoder[str]) -> list[Worth]:
        """The small CNN's objectives: phones found by photos, and phones that look like those that users had looked at."""
        from models.encoders.cnn import encode_pictures
        from models.pretraining.config import IMAGE
        from models.pretraining.image_views import pretrain_image

        asked, configured = self._asked("image"), self.settings.image
        pictures, words = self.trainer.pictures()
        photos, asked = self._readable(asked, "image_path", self.trainer.picture)
        shown = {row: picture for row, item in enumerate(self.items) if item["image_path"]
                 and (picture := self.trainer.picture(item["image_path"])) is not None}  # fmt: skip

        def encoded(objectives: tuple[Any, ...]) -> tuple[FloatArray, FloatArray]:
            import torch

            config = configured.model_copy(update={"objectives": objectives})
            told = torch.from_numpy(text.encode(words)) if "text_image" in objectives else None
            module, _ = pretrain_image(pictures, told, config, self.night.seed, track)
            offered = np.zeros((len(self.items), module.dim), np.float32)
            offered[list(shown)] = encode_pictures(module, list(shown.values()))
            return encode_pictures(module, photos), offered

        return self._both("photos", "pictures", asked, configured.objectives, IMAGE, encoded)

    def audio(self, audio: Encoder[Any], text: Encoder[str]) -> list[Worth]:
        """The BiLSTM's objective: phones found by spoken queries, in the text encoders' space."""
        from models.encoders.bilstm import BiLstm, encode_sounds
        from models.pretraining.config import AUDIO
        from models.pretraining.loop import seeded
        from models.pretraining.objective_ablation import compared, searched

        sounds, asked = self._readable(self._asked("audio"), "audio_path", self.trainer.sound)
        phones = text.encode([corpus.phone_text(row) for row in self.items])

        def quality(objectives: tuple[str, ...]) -> float:
            if objectives:
                return searched(audio.encode(sounds), phones, asked.wanted)
            with seeded(self.night.seed):
                untrained = BiLstm(text.dim, self.settings.audio.hidden, self.settings.audio.layers).eval()
            return searched(encode_sounds(untrained, sounds), phones, asked.wanted)

        if not len(asked.rows):
            return []
        return compared("phones for spoken queries", len(asked.rows), AUDIO, AUDIO, quality)

    def rows(self, text: Encoder[str], specs: Encoder[Any]) -> list[Worth]:
        """Both autoencoders, on histories and on content."""
        from models.pretraining.objective_ablation import rows_worth

        content = np.hstack(
            [
                text.encode([corpus.phone_text(row) for row in self.items]),
                specs.encode([corpus.sheet(row) for row in self.items]),
            ]
        )
        if not self.wanted.shape[0]:
            return []
        return rows_worth(
            self.history, standardised(content), self.wanted, self.settings.rows, self.night.seed, track
        )

    def _both(
        self,
        queries: str,
        content: str,
        asked: Asked,
        configured: Sequence[Any],
        every: Sequence[Any],
        encoded: Callable[[tuple[Any, ...]], tuple[FloatArray, FloatArray]],
    ) -> list[Worth]:
        """The verdicts of both tasks, as far as there is somebody to judge by.

        Args:
            encoded: Vectors of the queries and of the phones, by an encoder with these objectives.
        """
        from models.pretraining.objective_ablation import compared, profiled, searched

        known = cache(encoded)

        def found(objectives: tuple[Any, ...]) -> float:
            return searched(*known(objectives), asked.wanted)

        def alike(objectives: tuple[Any, ...]) -> float:
            return profiled(self.history, known(objectives)[1], self.wanted)

        verdicts: list[Worth] = []
        if len(asked.rows):
            verdicts += compared(f"phones for {queries}", len(asked.rows), configured, every, found)
        if users := self.wanted.shape[0]:
            verdicts += compared(f"phones for users, told by {content}", users, configured, every, alike)
        return verdicts

    def _asked(self, kind: str) -> Asked:
        """Queries that have this content and an answer."""
        column = "text" if kind == "text" else f"{kind}_path"
        queries = (
            self.queries[self.queries[column]].sort_values("occurred_at", kind="stable").tail(MOST_QUERIES)
        )
        pairs = queries.merge(self.events, on="user_id", suffixes=("", "_event"))
        waited = pairs["occurred_at_event"] - pairs["occurred_at"]
        pairs = pairs[(waited >= timedelta(0)) & (waited <= AFTER)]
        rows, places = np.unique(pairs["row"].to_numpy(np.int64), return_inverse=True)
        return Asked(
            rows, _ones(places, self.known.get_indexer(pairs["item_id"]), len(rows), len(self.known))
        )

    def _readable(self, asked: Asked, column: str, read: Callable[[str], Any]) -> tuple[list[Any], Asked]:
        contents = [read(self.trainer.queries[column][row].as_py()) for row in asked.rows.tolist()]
        kept = np.array([place for place, content in enumerate(contents) if content is not None], np.int64)
        return [contents[place] for place in kept.tolist()], Asked(asked.rows[kept], asked.wanted[kept])

    def _matrix(self, events: pd.DataFrame) -> sparse.csr_matrix:
        users = self.users.get_indexer(events["user_id"])
        kept = users >= 0
        items = self.known.get_indexer(events["item_id"])
        return _ones(users[kept], items[kept], len(self.users), len(self.known))


def standardised(content: FloatArray) -> FloatArray:
    """Each column with mean 0 and deviation 1; columns that never differ are 0."""
    told: FloatArray = (content - content.mean(0)) / np.maximum(content.std(0), 1e-3)
    return told


def _events(trainer: Trainer) -> pd.DataFrame:
    """Events that mean something, on phones that are known."""
    night = trainer.night
    columns = ["user_id", "item_id", "event_type", "occurred_at"]
    events = night.lake.read_through("marts/fct_interactions", night.logical_date, columns).to_pandas()
    meant = events["event_type"].isin(MEANT) & events["item_id"].isin(trainer.items["item_id"].to_pylist())
    return events[meant]


def _queries(trainer: Trainer) -> pd.DataFrame:
    """Queries: row, user, time, and which content each has."""
    table: pa.Table = trainer.queries
    frame = table.select(["user_id", "occurred_at"]).to_pandas().assign(row=np.arange(len(table)))
    for column in ("text", "image_path", "audio_path"):
        frame[column] = [bool(value) for value in table[column].to_pylist()]
    return frame


def _ones(rows: Any, columns: Any, height: int, width: int) -> sparse.csr_matrix:
    matrix = sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=(height, width))
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return matrix
