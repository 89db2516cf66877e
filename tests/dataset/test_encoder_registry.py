"""Encoders that several processes register at the same time."""

from __future__ import annotations

import multiprocessing
from datetime import date
from pathlib import Path

from handpick.dataset.encoder_registry import EncoderRegistry

NIGHT = date(2026, 3, 1)
WRITERS, EACH = 4, 25


def write_versions(root: Path, writer: int, barrier: object) -> None:
    """Write versions of encoders of this writer's own, and one that all writers write."""
    barrier.wait()  # type: ignore[attr-defined]
    registry = EncoderRegistry(root)
    for number in range(EACH):
        registry.register(f"encoder-{writer}-{number}", f"{number:016x}", NIGHT)
    with registry.transaction(NIGHT):
        registry.register(f"encoder-{writer}-last", f"{writer:016x}", NIGHT)


def test_no_registration_of_several_processes_is_lost(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(WRITERS)
    writers = [context.Process(target=write_versions, args=(tmp_path, n, barrier)) for n in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0

    members = EncoderRegistry(tmp_path).read_members(NIGHT)
    assert len(members) == WRITERS * (EACH + 1)


def test_a_transaction_keeps_what_another_process_registered_meanwhile(tmp_path: Path) -> None:
    registry, other = EncoderRegistry(tmp_path), EncoderRegistry(tmp_path)
    with registry.transaction(NIGHT):
        registry.register("text", "1" * 16, NIGHT)
        other.register("image", "2" * 16, NIGHT)
        assert "text" not in other.read_members(NIGHT)
    assert EncoderRegistry(tmp_path).read_members(NIGHT) == {"text": "1" * 16, "image": "2" * 16}
