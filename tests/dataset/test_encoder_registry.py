"""Encoders that several processes register at the same time."""

from __future__ import annotations

import multiprocessing
import time
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


def train_slowly(root: Path, number: int, barrier: object) -> None:
    """Write one version in two steps, with time for others in between."""
    barrier.wait()  # type: ignore[attr-defined]
    registry = EncoderRegistry(root)
    registry.remove_staging("text", NIGHT)
    with registry.write_version("text", NIGHT) as folder:
        (folder / "weights").write_text(f"{number}")
        time.sleep(0.05)
        (folder / "vocabulary").write_text(f"{number}")


def test_processes_that_train_the_same_encoder_do_not_mix_their_files(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(WRITERS)
    writers = [context.Process(target=train_slowly, args=(tmp_path, n, barrier)) for n in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    versions = sorted((tmp_path / "text").iterdir())
    assert len(versions) == WRITERS
    assert {(one / "weights").read_text() for one in versions} == {str(n) for n in range(WRITERS)}
    assert all((one / "weights").read_text() == (one / "vocabulary").read_text() for one in versions)
    assert EncoderRegistry(tmp_path).inspect() == (WRITERS, [])


def test_a_transaction_keeps_what_another_process_registered_meanwhile(tmp_path: Path) -> None:
    registry, other = EncoderRegistry(tmp_path), EncoderRegistry(tmp_path)
    with registry.transaction(NIGHT):
        registry.register("text", "1" * 16, NIGHT)
        other.register("image", "2" * 16, NIGHT)
        assert "text" not in other.read_members(NIGHT)
    assert EncoderRegistry(tmp_path).read_members(NIGHT) == {"text": "1" * 16, "image": "2" * 16}
