"""Trains the shop's own encoders, and registers each as the version that serves from a given night on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from handpick.dataset import item_text
from handpick.dataset.encoder_registry import EncoderRegistry
from handpick.dataset.encoders import open_registry
from handpick.dataset.media_files import MediaFiles
from handpick.errors import NightStopped
from handpick.ledger.flows import Flow
from handpick.night import Night
from handpick.runtime.log import log_progress, track_progress
from handpick.runtime.speech_synthesis import INSTALL_HINT, can_synthesize
from handpick.stages.pretrain import training_texts
from handpick.stages.pretrain.precomputed import IMAGES, SOUNDS, Precomputed
from handpick.stages.pretrain.speech import synthesize_phrases
from models.encoders.encoder_names import BILSTM, SHOP_BERT, SHOP_CNN, SPECS

if TYPE_CHECKING:
    from models.encoders.interface import Encoder

CURVE_FILE = "curve.csv"
"""Holds the losses of a training, one per line, next to its weights; no encoder reads it."""
NOT_DRAWN = "beyond the limit"
"""Reason, in the ledger, for content that is not trained on because `[pretraining]` limits its amount."""


@dataclass(frozen=True)
class EncoderTrainer:
    """Trains encoders on the content of one night's marts.

    Args:
        night: Gives settings, seed and lake.
        items: What `read_items` returns.
        queries: What `read_queries` returns.
        files: The night's media files.
        first_night: First night that the new versions serve.
        precomputed: Results of a worker process, where one runs.
        flows: Ledger lines of the content that was read for training, by source; filled in by the training
            methods.
    """

    night: Night
    items: pa.Table
    queries: pa.Table
    files: MediaFiles
    first_night: date
    precomputed: Precomputed | None = None
    flows: dict[str, Flow] = field(default_factory=dict)

    @cached_property
    def registry(self) -> EncoderRegistry:
        """Where trained versions are registered."""
        return open_registry(self.night)

    def has_pictures(self) -> bool:
        """Return whether any item or query names a picture."""
        return any(len(rows) > rows["image_path"].null_count for rows in (self.items, self.queries))

    def has_sounds(self) -> bool:
        """Return whether any query names a recording."""
        return len(self.queries) > self.queries["audio_path"].null_count

    def train_text(self) -> Path:
        """Train and register the shop's BERT; return the folder of its version.

        Raises:
            NightStopped: If the loss does not stay finite.
        """
        from models.pretraining.shop_bert import pretrain_bert

        settings = self.night.settings.pretraining
        texts = self.read_texts()
        log_progress(f"  train {SHOP_BERT} on {len(texts):,} texts")
        with _stop_on_infinite_loss(), self.registry.write_version(SHOP_BERT, self.first_night) as folder:
            trained = pretrain_bert(texts, settings.text, self.night.seed, track_progress)
            trained.save(folder)
            _save_curve(folder, trained.losses)
        return self._registered(SHOP_BERT)

    def fit_specs(self) -> Path:
        """Fit and register the spec sheet encoder; return the folder of its version."""
        from models.encoders.specs import SpecsEncoder

        sheets = [item_text.build_spec_sheet(row) for row in self.items.to_pylist()]
        self._record(Flow("spec sheets", len(sheets), len(sheets)))
        with self.registry.write_version(SPECS, self.first_night) as folder:
            SpecsEncoder.fit(
                sheets, item_text.NUMERIC_FIELDS, item_text.CATEGORICAL_FIELDS, item_text.TAG_FIELDS
            ).save(folder)
        return self._registered(SPECS)

    def train_image(self, text: Encoder[str] | None) -> Path | None:
        """Train and register the shop's CNN; return the folder of its version.

        Returns None where there is no readable picture.

        Args:
            text: The text encoder, which the objective `text_image` needs.

        Raises:
            NightStopped: If the loss does not stay finite.
        """
        import torch

        from models.encoders.cnn import save_shop_image
        from models.pretraining.image_views import pretrain_image

        settings = self.night.settings.pretraining
        pictures, words = self.read_pictures()
        if not pictures:
            return None
        log_progress(f"  train {SHOP_CNN} on {len(pictures):,} pictures")
        texts = None
        if text is not None and "text_image" in settings.image.objectives:
            texts = torch.from_numpy(text.encode(words))
        with _stop_on_infinite_loss(), self.registry.write_version(SHOP_CNN, self.first_night) as folder:
            module, losses = pretrain_image(pictures, texts, settings.image, self.night.seed, track_progress)
            save_shop_image(module, folder, {"pictures": len(pictures)})
            _save_curve(folder, losses)
        return self._registered(SHOP_CNN)

    def register_precomputed_image(self, precomputed: Precomputed) -> Path | None:
        """Register the CNN that the worker process has trained; return as `train_image` does.

        Args:
            precomputed: Has `IMAGES`.
        """
        result = precomputed.wait_for(IMAGES)
        if result is None:
            return None
        self.registry.register(SHOP_CNN, result[0], self.first_night)
        return self._registered(SHOP_CNN)

    def train_audio(self, text: Encoder[str]) -> Path | None:
        """Train and register the BiLSTM in a text encoder's vector space; return the folder of its version.

        Returns None where there are fewer than two phrases, or no speech synthesizer to speak them.

        Args:
            text: Its vectors of the phrases are the targets.

        Raises:
            NightStopped: If the loss does not stay finite.
        """
        from models.encoders.bilstm import save_bilstm
        from models.pretraining.audio_text import pretrain_audio

        if not can_synthesize():
            log_progress(
                "  warning: spoken queries count for nothing tonight, as training their encoder needs a "
                f"speech synthesizer; {INSTALL_HINT}"
            )
            return None
        settings = self.night.settings.pretraining.audio
        phrases = self.read_phrases()
        if len(phrases) < 2:
            return None
        log_progress(f"  train {BILSTM} on {len(phrases):,} phrases")
        precomputed = self.precomputed
        if precomputed is not None and precomputed.has(SOUNDS):
            sounds, rows = precomputed.wait_for(SOUNDS)
        else:
            sounds, rows = self.synthesize_sounds()
        # Each phrase is spoken several times: its text vector is the target of each recording.
        targets = text.encode(phrases)[rows]
        with _stop_on_infinite_loss(), self.registry.write_version(BILSTM, self.first_night) as folder:
            module, losses = pretrain_audio(sounds, targets, settings, self.night.seed, track_progress)
            save_bilstm(module, folder, {"space": text.fingerprint, "phrases": len(phrases)})
            _save_curve(folder, losses)
        return self._registered(BILSTM)

    def synthesize_sounds(self) -> tuple[list[Any], list[int]]:
        """Return the phrases as synthesized speech.

        Returns:
            `(time, 320) float32` tensors, as the BiLSTM reads them; and for each the index of its phrase.
        """
        from models.encoders.bilstm import compute_stacked_bands

        speakers = self.night.settings.pretraining.audio.speakers
        sounds, rows = synthesize_phrases(self.read_phrases(), speakers)
        return [compute_stacked_bands(sound) for sound in sounds], rows

    def read_texts(self) -> list[str]:
        """Return the texts that the BERT learns from."""
        texts = training_texts.collect_texts(self.items.to_pylist(), self.queries["text"].to_pylist())
        chosen = training_texts.sample_evenly(
            texts, self.night.settings.pretraining.max_texts, self.night.seed
        )
        self._record(Flow("texts", len(texts), len(chosen), {NOT_DRAWN: len(texts) - len(chosen)}))
        return chosen

    def read_phrases(self) -> list[str]:
        """Return the phrases that the BiLSTM learns from."""
        count = self.night.settings.pretraining.audio.phrases
        clauses = training_texts.rank_clauses(self.items.to_pylist(), self.queries["text"].to_pylist())
        used = min(len(clauses), training_texts.count_single_phrases(count))
        # Only single phrases are counted: pairs repeat their clauses.
        self._record(Flow("clauses", len(clauses), used, {NOT_DRAWN: len(clauses) - used}))
        return training_texts.draw_phrases(clauses, count, self.night.seed)

    def read_pictures(self) -> tuple[list[Any], list[str]]:
        """Return readable pictures, each file once, and the text of the item that each shows.

        Returns:
            `(224, 224, 3) uint8` arrays; and texts, empty for pictures of queries.
        """
        texts = {
            row["image_path"]: item_text.format_item_text(row)
            for row in self.items.to_pylist()
            if row["image_path"]
        }
        for path in self.queries["image_path"].to_pylist():
            if path:
                texts.setdefault(path, "")  # no text for text_image; an item's picture keeps its own
        limit = self.night.settings.pretraining.max_images
        paths = training_texts.sample_evenly(sorted(texts), limit, self.night.seed)
        pictures: dict[str, Any] = {}
        dropped = Counter({NOT_DRAWN: len(texts) - len(paths)})
        for path in paths:
            picture, problem = self.files.decode(path, "image")
            if picture is None:
                dropped[str(problem)] += 1
            else:
                pictures[path] = picture
        self._record(Flow("pictures", len(texts), len(pictures), dropped))
        return list(pictures.values()), [texts[path] for path in pictures]

    def _record(self, flow: Flow) -> None:
        """Keep a ledger line by source; content that is read twice gives the same line twice."""
        self.flows[flow.source] = flow

    def _registered(self, name: str) -> Path:
        """Return the folder of a version that was just registered."""
        folder = self.registry.find_version(name, self.first_night)
        assert folder is not None
        return folder


def _save_curve(folder: Path, losses: Sequence[float]) -> None:
    """Write the losses of a training, one per line."""
    (folder / CURVE_FILE).write_text("".join(f"{loss:.6g}\n" for loss in losses))


@contextmanager
def _stop_on_infinite_loss() -> Iterator[None]:
    """Turn a loss that is not finite into a stopped night; the registered version is unchanged."""
    from models.pretraining.training_loop import NonFiniteLoss

    try:
        yield
    except NonFiniteLoss as error:
        raise NightStopped(
            f"Pretraining stopped: {error} ([pretraining] learning_rate). No encoder was replaced, and the "
            "published lists are unchanged. Lower the learning rate, then run the stage again."
        ) from None
