"""The content behind a night's vectors, and the encoders that made them.

Models that train encoders end to end read both.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from handpick.dataset.content_tables import read_items, read_queries
from handpick.dataset.item_text import format_item_text, hash_text
from handpick.dataset.media_files import MediaFiles
from handpick.errors import NightStopped
from handpick.night import Night


@dataclass(frozen=True)
class ContentSource:
    """One modality's content of the items or of the queries; nothing is read before a model calls a method.

    Args:
        sources: The night's marts, media and encoders.
        kind: `text`, `image` or `audio`.
        whose: `items` or `queries`.
        fingerprint: Fingerprint of the encoder that made the vectors.
    """

    sources: ContentSources
    kind: str
    whose: str
    fingerprint: str

    def content(self, key: str) -> Any:
        """Return the content behind a content key of `embeddings`, as its encoder reads it.

        Returns:
            `str`; `(224, 224, 3) uint8` of a picture; `(samples,) float32` at 16 kHz of a recording; None
            where the content is no longer there.
        """
        found = self._content_by_key.get(key)
        if found is None or self.kind == "text":
            return found
        return self.sources.files.decode(found, self.kind).content

    def encoder(self) -> Any:
        """Return a fresh copy of the encoder that made the vectors.

        Raises:
            EncoderUnusable: If it cannot be loaded.
            NightStopped: If the encoder that is configured and registered now is another one.
        """
        encoder = self.sources.load_encoder(self.kind)
        if encoder is None or encoder.fingerprint != self.fingerprint:
            date = self.sources.night.logical_date
            raise NightStopped(
                f"The {self.kind} vectors of {date} were made by another encoder than the one that [embed] "
                f"chooses now: run `handpick embed --date {date}` again. The lists published last stay."
            )
        return encoder

    @cached_property
    def _content_by_key(self) -> dict[str, str]:
        """The text, or the path of the media file, by content key."""
        rows = self.sources.items if self.whose == "items" else self.sources.queries
        if self.kind == "text":
            texts = (
                map(format_item_text, rows.to_pylist()) if self.whose == "items" else rows["text"].to_pylist()
            )
            return {hash_text(text): text for text in texts if text}
        paths = rows[f"{self.kind}_path"].to_pylist()
        keys, _ = self.sources.files.compute_content_keys(paths, self.kind)
        return {key: path for key, path in zip(keys, paths, strict=True) if key and path}


@dataclass(frozen=True)
class ContentSources:
    """A night's marts, media and encoders, shared by its content sources."""

    night: Night

    @cached_property
    def files(self) -> MediaFiles:
        """The night's media files."""
        return MediaFiles(self.night)

    @cached_property
    def items(self) -> pa.Table:
        """The content columns of the items."""
        return read_items(self.night)

    @cached_property
    def queries(self) -> pa.Table:
        """The content columns of the queries."""
        return read_queries(self.night)

    def load_encoder(self, kind: str) -> Any:
        """Load the registered encoder of `text`, `image` or `audio`; None where there is no version.

        Raises:
            EncoderUnusable: If it cannot be loaded.
        """
        from handpick.dataset.encoders import RegisteredEncoders, open_registry

        night = self.night
        # A new object each time: callers train the encoder that they get, so it must not be shared.
        encoders = RegisteredEncoders(night.settings.embed, open_registry(night), night.logical_date)
        return getattr(encoders, kind)

    def make_source(self, kind: str, whose: str, fingerprint: str) -> ContentSource | None:
        """Return the source of one modality's content; None for spec sheets.

        The encoder of spec sheets has no weights to train.
        """
        return None if kind == "specs" else ContentSource(self, kind, whose, fingerprint)
