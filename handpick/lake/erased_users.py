"""Users who were erased, remembered by keyed hashes, so that no later night takes in their rows again."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from handpick.errors import ConfigurationError
from handpick.lake.checksums import digest_json
from handpick.settings.load import Settings

ERASED_REASON = "user was erased"
"""Why the ledger says that `land` has left out a row."""
USER_COLUMN = "user_id"
KEY_FILE, HASHES_FILE = "key", "erased_users.json"
WORD = re.compile(r"[^\s,;|\"'{}\[\]()<>=]+")
"""What may be a user's id in the text of a row that could not be parsed."""


@dataclass(frozen=True)
class ErasedUsers:
    """The erased users of an installation; whoever has the key can tell whether an id is among them.

    Args:
        folder: `[privacy] path`.
        key: The key of the hashes; empty as long as nobody was erased.
        hashes: When each user was erased first, in ISO form, by keyed hash of the id.
    """

    folder: Path
    key: bytes = b""
    hashes: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, settings: Settings) -> ErasedUsers:
        """Read who was erased.

        Raises:
            ConfigurationError: If the file is damaged or its key is missing: going on would take the erased
                people in again.
        """
        folder = settings.path(settings.privacy.path)
        file = folder / HASHES_FILE
        if not file.is_file():
            return cls(folder, _read_key(settings, folder))
        try:
            stored = json.loads(file.read_text())
            hashes = {str(name): str(at) for name, at in stored["users"].items()}
            if stored["sha256"] != digest_json(stored["users"]):
                raise ValueError
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise ConfigurationError(
                f"{file} is damaged, so nobody knows who was erased. Nothing was landed or erased, as their "
                "rows would come back; bring the file back from a copy."
            ) from None
        key = _read_key(settings, folder)
        if hashes and not key:
            raise ConfigurationError(
                f"the key of {file} is missing, so nobody knows who was erased. Nothing was landed or "
                "erased; "
                f"bring {folder / KEY_FILE} back, or set HANDPICK__PRIVACY__KEY to what it was."
            )
        return cls(folder, key, hashes)

    def add(self, user_id: str, at: datetime) -> ErasedUsers:
        """Return these users with one more, and remember it on disk; the key is made where there is none."""
        self.folder.mkdir(parents=True, exist_ok=True)
        key = self.key
        if not key:
            key = secrets.token_hex(32).encode()
            _write(self.folder / KEY_FILE, key)
        fresh = ErasedUsers(self.folder, key, self.hashes)
        hashes = {fresh.hash(user_id): at.isoformat(timespec="seconds"), **self.hashes}
        stored = {"users": hashes, "sha256": digest_json(hashes)}
        _write(self.folder / HASHES_FILE, json.dumps(stored, indent=1, sort_keys=True).encode())
        return ErasedUsers(self.folder, key, hashes)

    def hash(self, user_id: str) -> str:
        """Return the keyed hash of an id (HMAC with SHA-256); without the key it cannot be guessed."""
        return hmac.digest(self.key, user_id.strip().encode(), hashlib.sha256).hex()

    def has(self, user_id: str) -> bool:
        """Return whether this user was erased."""
        return bool(self.hashes) and self.hash(user_id) in self.hashes

    def find_rows(self, rows: pa.Table) -> npt.NDArray[np.bool_]:
        """Return `(rows,)` whether each landed row is an erased user's.

        A row that could not be parsed is, if a word of its text is the id of one.
        """
        found = np.zeros(rows.num_rows, np.bool_)
        if not self.hashes:
            return found
        if USER_COLUMN in rows.column_names:
            ids = rows.column(USER_COLUMN).cast(pa.string())
            erased = [one for one in ids.unique().to_pylist() if one is not None and self.has(one)]
            if erased:
                found |= pc.fill_null(pc.is_in(ids, pa.array(erased, pa.string())), False).to_numpy()
        if "_raw" in rows.column_names:
            raw = rows.column("_raw")
            for place in np.flatnonzero(pc.is_valid(raw).to_numpy()):
                found[place] |= any(map(self.has, WORD.findall(raw[int(place)].as_py())))
        return found


def _read_key(settings: Settings, folder: Path) -> bytes:
    """Return the configured key, or the one that was made; empty where there is none."""
    if settings.privacy.key is not None:
        return settings.privacy.key.get_secret_value().encode()
    file = folder / KEY_FILE
    return file.read_bytes() if file.is_file() else b""


def _write(file: Path, content: bytes) -> None:
    """Write a file as a whole, readable by this user only."""
    staged = file.with_name(f".{file.name}.tmp")
    staged.touch(mode=0o600)
    staged.write_bytes(content)
    staged.replace(file)
