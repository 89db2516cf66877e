"""Where a night's vectors come from: the contents by their keys, and the encoders that made them, for models that learn to encode."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from handpick.errors import NightStopped
from handpick.night import Night

if TYPE_CHECKING:
    from handpick.stages.embed.media_files import Files
    from handpick.stages.pretrain.trainer import Trainer


@dataclass(frozen=True)
class Origin:
    """One kind of content of the phones or of the queries; nothing is read before a model asks.

    Args:
        kind: `text`, `image` or `audio`.
        whose: `items` or `queries`.
        fingerprint: Of the encoder that made the vectors.
    """

    sources: Sources
    kind: str
    whose: str
    fingerprint: str

    def content(self, key: str) -> Any:
        """The text, or the prepared picture or sound, that a key of `embeddings` stands for; None where it is gone."""
        found = self._by_key.get(key)
        if found is None or self.kind == "text":
            return found
        trainer = self.sources.trainer
        return trainer.picture(found) if self.kind == "image" else trainer.sound(found)

    def encoder(self) -> Any:
        """The encoder that made the vectors.

        Raises:
            EncoderUnusable: If it cannot be loaded.
            NightStopped: If the configured encoder is another one by now.
        """
        from handpick.stages.embed.encoders import one

        made = one(self.sources.trainer, self.kind)
        if made is None or made.fingerprint != self.fingerprint:
            date = self.sources.night.logical_date
            raise NightStopped(
                f"The {self.kind} vectors of {date} were made by another encoder than the one that [embed] chooses now: "
                f"run `handpick embed --date {date}` again. The lists published last stay."
            )
        return made

    @cached_property
    def _by_key(self) -> dict[str, str]:
        """The text or path by key."""
        from handpick.stages.embed.vector_columns import key_of
        from handpick.stages.pretrain.corpus import phone_text

        rows = self.sources.trainer.items if self.whose == "items" else self.sources.trainer.queries
        if self.kind == "text":
            texts = map(phone_text, rows.to_pylist()) if self.whose == "items" else rows["text"].to_pylist()
            return {key_of(text): text for text in texts if text}
        paths = rows[f"{self.kind}_path"].to_pylist()
        keys, _ = self.sources.files.keys(paths, self.kind)
        return {key: path for key, path in zip(keys, paths, strict=True) if key and path}


@dataclass(frozen=True)
class Sources:
    """A night's marts and media, shared by its origins."""

    night: Night

    @cached_property
    def files(self) -> Files:
        """Its media."""
        from handpick.stages.embed.media_files import Files

        return Files(self.night)

    @cached_property
    def trainer(self) -> Trainer:
        """Knows its texts and media, and which versions of the encoders serve it."""
        from handpick.stages.pretrain import corpus
        from handpick.stages.pretrain.trainer import Trainer

        night = self.night
        return Trainer(night, corpus.items(night), corpus.queries(night), self.files, night.logical_date)

    def of(self, kind: str, whose: str, fingerprint: str) -> Origin | None:
        """Where one modality's vectors come from; None for specifications, which have no encoder that could learn."""
        return None if kind == "specs" else Origin(self, kind, whose, fingerprint)
