"""The worker process of a first night: the same bytes as without it, and nothing left of it when it fails."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from handpick.dataset.content_tables import read_items, read_queries
from handpick.dataset.media_files import MediaFiles
from handpick.runtime.worker_process import WorkerDied, run_in_worker_process
from handpick.stages.embed import run
from handpick.stages.embed.batch_threads import map_in_threads
from handpick.stages.embed.encoders import TEXTS
from handpick.stages.embed.precompute import WorkerResults, plan_precompute
from handpick.stages.pretrain.public import IMAGES, SOUNDS, EncoderTrainer
from models.encoders.encoder_names import MINILM
from tests.runtime.killing import next_child_killed
from tests.stages.embed.conftest import FIRST, SMALL, Shop


def planned(shop: Shop) -> tuple[str, ...]:
    night = shop.night()
    return plan_precompute(
        EncoderTrainer(night, read_items(night), read_queries(night), MediaFiles(night), FIRST)
    )


def with_threads(home: Path, threads: int, **embed: Any) -> Shop:
    return Shop(home, embed={**SMALL["embed"], "threads": threads, **embed})


def test_a_first_night_gives_the_same_bytes_with_and_without_it_and_again(tmp_path: Path) -> None:
    text = (MINILM, "shop-bert")
    parallel, alone = (with_threads(tmp_path / str(n), n, text=text) for n in (2, 1))
    assert planned(parallel) == (SOUNDS, TEXTS, IMAGES) and planned(alone) == ()
    results = [run(shop.night()) for shop in (parallel, alone)]
    assert results[0].digest == results[1].digest
    assert results[0].notes == results[1].notes and results[0].flows == results[1].flows
    assert planned(parallel) == ()
    assert run(parallel.night()).digest == results[0].digest


def test_it_makes_nothing_that_needs_the_text_encoder(tmp_path: Path) -> None:
    image = {**SMALL["pretraining"]["image"], "objectives": ("image_views", "text_image")}
    shop = Shop(tmp_path, pretraining={**SMALL["pretraining"], "image": image})
    assert planned(shop) == (SOUNDS,)


def test_killed_it_stops_the_night_in_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    shop = with_threads(tmp_path, 2)
    night = shop.night()
    root = shop.settings.path(shop.settings.embed.encoders)
    with next_child_killed(), pytest.raises(WorkerDied, match="ended by signal 9") as error:
        run(night)
    assert "\n" not in str(error.value)
    assert not list(root.rglob(".tmp-*")) and not night.lake.has("embeddings/items", FIRST)
    run(night)


def two_things(inbox: Any) -> Iterator[tuple[str, int]]:
    yield SOUNDS, 1
    time.sleep(0.5)
    yield TEXTS, 2


def test_two_threads_may_wait_for_the_same_result() -> None:
    with run_in_worker_process(two_things, purpose="give two things") as other:
        results = WorkerResults(other, (SOUNDS, TEXTS))
        assert list(map_in_threads(results.wait_for, [TEXTS, TEXTS, SOUNDS], 2)) == [2, 2, 1]


def test_results_of_threads_come_in_order() -> None:
    def slow_at_first(item: int) -> int:
        time.sleep(0.1 if item == 0 else 0)
        return item * item

    assert list(map_in_threads(slow_at_first, range(20), 2)) == [item * item for item in range(20)]
