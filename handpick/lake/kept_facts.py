"""Keeps what was found out once, so that a night looks only at what is new or has changed.

A kept fact is used instead of looking again. So facts are stored with their digest, and damaged ones
count as none: they can always be found out again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from handpick.lake.checksums import digest_json


def read_kept_facts(file: Path) -> dict[str, Any]:
    """Return the kept facts by key; empty if there are none, or they are not what was written."""
    try:
        kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        facts: dict[str, Any] = kept["facts"]
        is_sound = digest_json(facts) == kept["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return facts if is_sound else {}


def write_kept_facts(file: Path, facts: Mapping[str, Any]) -> None:
    """Keep facts in one move: a process that is killed here must not leave half of them."""
    file.parent.mkdir(parents=True, exist_ok=True)
    staged = file.with_suffix(".tmp")
    kept = {"facts": facts, "sha256": digest_json(facts)}
    staged.write_text(json.dumps(kept, indent=0, sort_keys=True), encoding="utf-8")
    staged.replace(file)
