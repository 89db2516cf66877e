"""Facts that are kept instead of looking again are used only if they are what was written."""

from __future__ import annotations

from pathlib import Path

import pytest

from handpick.lake.kept_facts import read_kept_facts, write_kept_facts


def test_every_flipped_bit_of_kept_facts_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "cache" / "facts.json"
    facts = {"a.png|12": "b6194f7595051883b4b97137", "b.wav|7": ["broken audio", 3]}
    write_kept_facts(file, facts)
    sound = file.read_bytes()
    assert read_kept_facts(file) == facts
    for place in range(len(sound)):
        for bit in range(8):
            changed = bytearray(sound)
            changed[place] ^= 1 << bit
            file.write_bytes(changed)
            # A space for a line break is the only change that changes no fact.
            assert read_kept_facts(file) in ({}, facts), (place, bit)


@pytest.mark.parametrize("content", [b"", b"null", b'{"a.png": "b619"}', b"\xff\xfe", b"[1]", b"{" * 10_000])
def test_what_is_no_file_of_facts_counts_as_none(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "facts.json"
    file.write_bytes(content)
    assert read_kept_facts(file) == {}
    assert read_kept_facts(tmp_path / "missing.json") == {}
