"""Media files of the lake's rows: content keys (digests of their bytes), and decoding within limits."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from handpick.lake.kept_facts import read_kept_facts, write_kept_facts
from handpick.lake.media import find_media_problem, resolve_media_path
from handpick.night import Night
from models.encoders.interface import UnreadableMedia

CACHE_FILE = "media_digests.json"


class DecodedMedia(NamedTuple):
    """One media file as its encoder reads it, or the reason why it cannot be used.

    Args:
        content: `(224, 224, 3) uint8` of a picture, `(samples,) float32` at 16 kHz of a recording, or None.
        problem: The reason in a few words where `content` is None, else None.
    """

    content: Any
    problem: str | None


class MediaFiles:
    """Reader of the pictures and recordings of one night's rows.

    Digests are cached below the lake by path, size and modification time, so that a night reads only files in
    full that are new or have changed.
    """

    def __init__(self, night: Night) -> None:
        self.root = night.settings.path(night.settings.lake.media)
        self.limits, self.embed = night.settings.validation, night.settings.embed
        self._cache_file = night.lake.root / ".cache" / CACHE_FILE
        self._digests = read_kept_facts(self._cache_file)
        self._count_before = len(self._digests)

    def compute_content_keys(
        self, paths: Iterable[str | None], kind: str
    ) -> tuple[list[str | None], Counter[str]]:
        """Return the content key of each path, and how many files cannot be used, by reason.

        Args:
            paths: Relative to the media root; None where a row names no file.
            kind: `image` or `audio`.

        Returns:
            24 hex digits for each path, None where there is no usable file; and counts of paths by reason.
        """
        paths = list(paths)
        checked = {path: self._digest_usable(path, kind) for path in sorted({path for path in paths if path})}
        unusable = Counter(reason for path in paths if path for _, reason in [checked[path]] if reason)
        return [checked[path][0] if path else None for path in paths], unusable

    def read_bytes(self, path: str) -> bytes:
        """Return a file's bytes; empty where the file has vanished since it was checked."""
        file = resolve_media_path(self.root, path)
        try:
            return b"" if file is None else file.read_bytes()
        except OSError:
            return b""

    def decode(self, path: str, kind: str) -> DecodedMedia:
        """Check, read and decode one file.

        Args:
            path: Relative to the media root.
            kind: `image` or `audio`.
        """
        (key,), unusable = self.compute_content_keys([path], kind)
        if key is None:
            return DecodedMedia(None, next(iter(unusable), f"no {kind}"))
        try:
            return DecodedMedia(self.decode_checked(path, kind), None)
        except UnreadableMedia as error:
            return DecodedMedia(None, str(error))

    def decode_checked(self, path: str, kind: str) -> Any:
        """Read and decode a file that `compute_content_keys` has found usable.

        Raises:
            UnreadableMedia: If its content does not decode.
        """
        from models.encoders import audio, image

        content = self.read_bytes(path)
        if kind == "image":
            return image.decode_image(content, self.limits.max_image_pixels)
        return audio.decode_audio(content, self.embed.max_audio_seconds)

    def save_cache(self) -> None:
        """Write the digests that were computed tonight to the cache, in one move."""
        if len(self._digests) == self._count_before:
            return
        write_kept_facts(self._cache_file, self._digests)

    def _digest_usable(self, path: str, kind: str) -> tuple[str | None, str | None]:
        """Return the digest of a file and None, or None and the reason why it cannot be used."""
        file = resolve_media_path(self.root, path)
        try:
            stat = None if file is None else file.stat()
        except (OSError, ValueError):
            stat = None
        # A changed file has another size or time, so that its old digest is not found.
        stamp = f"{file}|{kind}|{stat.st_size}|{stat.st_mtime_ns}" if stat else ""
        if stamp not in self._digests:
            reason = find_media_problem(self.root, path, kind, self.limits)
            if reason is not None or file is None:
                return None, reason
            self._digests[stamp] = hashlib.blake2b(file.read_bytes(), digest_size=12).hexdigest()
        return self._digests[stamp], None
