"""Trains the encoders that are trained here, each into the version that serves from a given night on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from handpick.errors import NightStopped
from handpick.night import Night
from handpick.runtime.log import say, track
from handpick.stages.pretrain import corpus, speech
from handpick.stages.pretrain.versions import Versions
from models.encoders.names import BILSTM, SHOP_BERT, SHOP_CNN, SPECS

if TYPE_CHECKING:
    from handpick.stages.embed.media_files import Files
    from handpick.stages.embed.precompute import Ahead
    from models.encoders.interface import Encoder

CURVE = "curve.csv"
"""The losses of a training beside its weights, one a line; no encoder reads it."""


@dataclass(frozen=True)
class Trainer:
    """Trains on one night's marts.

    Args:
        night: Whose settings, seed and lake.
        items, queries: What `corpus` reads.
        first_night: From which the new versions serve.
        ahead: What another process makes.
    """

    night: Night
    items: pa.Table
    queries: pa.Table
    files: Files
    first_night: date
    ahead: Ahead | None = None

    @cached_property
    def versions(self) -> Versions:
        """Where trained encoders are."""
        return Versions(self.night.settings.path(self.night.settings.embed.encoders))

    def has_pictures(self) -> bool:
        """Whether any phone or query names a picture."""
        return any(len(rows) > rows["image_path"].null_count for rows in (self.items, self.queries))

    def has_sounds(self) -> bool:
        """Whether any query names a recording."""
        return len(self.queries) > self.queries["audio_path"].null_count

    def text(self) -> Path:
        """The small BERT."""
        from models.pretraining.shop_bert import pretrain_bert

        chosen = self.night.settings.pretraining
        known = self.texts()
        say(f"  train {SHOP_BERT} on {len(known):,} texts")
        with _finite(), self.versions.writing(SHOP_BERT, self.first_night) as folder:
            trained = pretrain_bert(known, chosen.text, self.night.seed, track)
            trained.save(folder)
            _keep_curve(folder, trained.losses)
        return self._serving(SHOP_BERT)

    def specs(self) -> Path:
        """Means, deviations and categories of the spec sheets."""
        from models.encoders.specs import SpecsEncoder

        sheets = [corpus.sheet(row) for row in self.items.to_pylist()]
        with self.versions.writing(SPECS, self.first_night) as folder:
            SpecsEncoder.fit(sheets, corpus.NUMERIC, corpus.CATEGORICAL, corpus.TAGS).save(folder)
        return self._serving(SPECS)

    def image(self, text: Encoder[str] | None) -> Path | None:
        """The small CNN; None where there is no picture to learn from.

        Args:
            text: For the objective `text_image`.
        """
        import torch

        from models.encoders.cnn import save_shop_image
        from models.pretraining.image_views import pretrain_image

        chosen = self.night.settings.pretraining
        pictures, words = self.pictures()
        if not pictures:
            return None
        say(f"  train {SHOP_CNN} on {len(pictures):,} pictures")
        texts = None
        if text is not None and "text_image" in chosen.image.objectives:
            texts = torch.from_numpy(text.encode(words))
        with _finite(), self.versions.writing(SHOP_CNN, self.first_night) as folder:
            module, losses = pretrain_image(pictures, texts, chosen.image, self.night.seed, track)
            save_shop_image(module, folder, {"pictures": len(pictures)})
            _keep_curve(folder, losses)
        return self._serving(SHOP_CNN)

    def image_made_ahead(self) -> Path | None:
        """The same, trained by the other process."""
        assert self.ahead is not None
        made = self.ahead.of("images")
        if made is None:
            return None
        self.versions.join(SHOP_CNN, made[0], self.first_night)
        return self._serving(SHOP_CNN)

    def audio(self, text: Encoder[str]) -> Path | None:
        """The BiLSTM in the space of `text`; None where there are no words to read out."""
        from models.encoders.bilstm import save_bilstm
        from models.pretraining.audio_text import pretrain_audio

        chosen = self.night.settings.pretraining.audio
        said = self.phrases()
        if len(said) < 2:
            return None
        say(f"  train {BILSTM} on {len(said):,} phrases")
        ahead = self.ahead if self.ahead is not None and "sounds" in self.ahead.makes else None
        heard, rows = self.heard() if ahead is None else ahead.of("sounds")
        written = text.encode(said)[rows]
        with _finite(), self.versions.writing(BILSTM, self.first_night) as folder:
            module, losses = pretrain_audio(heard, written, chosen, self.night.seed, track)
            save_bilstm(module, folder, {"space": text.fingerprint, "phrases": len(said)})
            _keep_curve(folder, losses)
        return self._serving(BILSTM)

    def phrases(self) -> list[str]:
        """What the BiLSTM hears."""
        most = self.night.settings.pretraining.audio.phrases
        return corpus.phrases(self.items.to_pylist(), self._typed(), most, self.night.seed)

    def heard(self) -> tuple[list[Any], list[int]]:
        """The phrases read out, as the BiLSTM reads them, and for each sound the row of its phrase."""
        from models.encoders.bilstm import bands_of

        sounds, rows = speech.spoken(self.phrases(), self.night.settings.pretraining.audio.speakers)
        return [bands_of(sound) for sound in sounds], rows

    def _serving(self, name: str) -> Path:
        folder = self.versions.serving(name, self.first_night)
        assert folder is not None
        return folder

    def _typed(self) -> list[str | None]:
        typed: list[str | None] = self.queries["text"].to_pylist()
        return typed

    def texts(self) -> list[str]:
        """What the small BERT learns from."""
        most = self.night.settings.pretraining.most_texts
        return corpus.texts(self.items.to_pylist(), self._typed(), most, self.night.seed)

    def pictures(self) -> tuple[list[Any], list[str]]:
        """Readable pictures of phones with the phones' words, and of queries with none, each file once."""
        words = {
            row["image_path"]: corpus.phone_text(row) for row in self.items.to_pylist() if row["image_path"]
        }
        for path in self.queries["image_path"].to_pylist():
            if path:
                words.setdefault(path, "")
        most = self.night.settings.pretraining.most_pictures
        paths = corpus.evenly(sorted(words), most, self.night.seed)
        found = {path: picture for path in paths if (picture := self.picture(path)) is not None}
        return list(found.values()), [words[path] for path in found]

    def picture(self, path: str) -> Any:
        """The prepared picture of a file, None where it is not usable."""
        from models.encoders.image import prepare

        return self._prepared(path, "image", prepare, self.files.limits.max_image_pixels)

    def sound(self, path: str) -> Any:
        """The prepared sound of a file, None where it is not usable."""
        from models.encoders.audio import prepare

        return self._prepared(path, "audio", prepare, self.files.embed.audio_seconds)

    def _prepared(self, path: str, kind: str, prepare: Callable[[bytes, Any], Any], limit: float) -> Any:
        from models.encoders.interface import UnreadableMedia

        (key,), _ = self.files.keys([path], kind)
        try:
            return None if key is None else prepare(self.files.content(path), limit)
        except UnreadableMedia:
            return None


def curve(folder: Path) -> list[float]:
    """The losses of the training that made a version, step by step; empty where it was not trained by steps."""
    file = folder / CURVE
    return [float(line) for line in file.read_text().splitlines()] if file.is_file() else []


def space_of(folder: Path) -> str:
    """The fingerprint of the text encoder whose space an audio encoder was trained in."""
    told: str = json.loads((folder / "config.json").read_text()).get("about", {}).get("space", "")
    return told


def _keep_curve(folder: Path, losses: Sequence[float]) -> None:
    (folder / CURVE).write_text("".join(f"{loss:.6g}\n" for loss in losses))


@contextmanager
def _finite() -> Iterator[None]:
    """Turns a loss that is not finite into a stopped night; the version before stays."""
    from models.pretraining.loop import NotFinite

    try:
        yield
    except NotFinite as error:
        raise NightStopped(
            f"Pretraining stopped: {error} ([pretraining] learning_rate). Nothing was replaced; the encoders and "
            "lists of the night before stay."
        ) from None
