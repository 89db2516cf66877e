"""The proof of an erasure: what was removed, when, and what remains, under a keyed hash."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handpick.lake.erased_users import ErasedUsers

PROOFS_FOLDER = "proofs"


@dataclass(frozen=True)
class Proof:
    """A stored proof.

    Args:
        name: Its number.
        content: What it says.
        is_genuine: Whether it is as it was written, by the installation's key.
    """

    name: str
    content: dict[str, Any]
    is_genuine: bool


def write_proof(erased: ErasedUsers, name: str, content: dict[str, Any]) -> Path:
    """Write a proof with its keyed hash, and return the file."""
    folder = erased.folder / PROOFS_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.json"
    staged = file.with_suffix(".tmp")
    signed = {**content, "keyed_sha256": _sign(erased, content)}
    staged.write_text(json.dumps(signed, indent=1, ensure_ascii=False) + "\n")
    staged.replace(file)
    return file


def list_proofs(erased: ErasedUsers) -> list[Proof]:
    """Return all proofs, oldest first."""
    found = []
    for file in (erased.folder / PROOFS_FOLDER).glob("*.json"):
        try:
            content = json.loads(file.read_text())
            stated = str(content.pop("keyed_sha256"))
        except (OSError, ValueError, KeyError, AttributeError):
            content, stated = {}, ""
        found.append(Proof(file.stem, content, hmac.compare_digest(stated, _sign(erased, content))))
    return sorted(found, key=lambda proof: (str(proof.content.get("began_at")), proof.name))


def _sign(erased: ErasedUsers, content: dict[str, Any]) -> str:
    """Return the keyed hash of a proof's content."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hmac.digest(erased.key, text.encode(), hashlib.sha256).hex()
