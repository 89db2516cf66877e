"""A second process on a first night: the same bytes as without it, and nothing left of it when it fails."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from handpick.runtime.worker_process import Lost, beside
from handpick.stages.embed import run
from handpick.stages.embed.media_files import Files
from handpick.stages.embed.precompute import IMAGES, SOUNDS, TEXTS, Ahead, makes
from handpick.stages.embed.threads import side_by_side
from handpick.stages.pretrain import corpus
from handpick.stages.pretrain.trainer import Trainer
from models.encoders.names import MINILM
from tests.runtime.killing import next_child_killed
from tests.stages.embed.conftest import FIRST, SMALL, Shop


def made(shop: Shop) -> tuple[str, ...]:
    night = shop.night()
    return makes(Trainer(night, corpus.items(night), corpus.queries(night), Files(night), FIRST))


def with_threads(home: Path, threads: int, **embed: Any) -> Shop:
    return Shop(home, embed={**SMALL["embed"], "threads": threads, **embed})


def test_a_first_night_gives_the_same_bytes_with_and_without_it_and_again(tmp_path: Path) -> None:
    text = (MINILM, "shop-bert")
    beside, alone = (with_threads(tmp_path / str(n), n, text=text) for n in (2, 1))
    assert made(beside) == (SOUNDS, TEXTS, IMAGES) and made(alone) == ()
    results = [run(shop.night()) for shop in (beside, alone)]
    assert results[0].digest == results[1].digest
    assert results[0].notes == results[1].notes and results[0].flows == results[1].flows
    assert made(beside) == ()
    assert run(beside.night()).digest == results[0].digest


def test_it_makes_nothing_that_needs_the_text_encoder(tmp_path: Path) -> None:
    image = {**SMALL["pretraining"]["image"], "objectives": ("image_views", "text_image")}
    shop = Shop(tmp_path, pretraining={**SMALL["pretraining"], "image": image})
    assert made(shop) == (SOUNDS,)


def test_killed_it_stops_the_night_in_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    shop = with_threads(tmp_path, 2)
    night = shop.night()
    root = shop.settings.path(shop.settings.embed.encoders)
    with next_child_killed(), pytest.raises(Lost, match="ended by signal 9") as error:
        run(night)
    assert "\n" not in str(error.value)
    assert not list(root.rglob(".tmp-*")) and not night.lake.has("embeddings/items", FIRST)
    run(night)


def two_things(inbox: Any) -> Iterator[tuple[str, int]]:
    yield SOUNDS, 1
    time.sleep(0.5)
    yield TEXTS, 2


def test_two_threads_may_ask_for_the_same_thing() -> None:
    with beside(two_things, what="give two things") as other:
        given = Ahead(other, (SOUNDS, TEXTS))
        assert list(side_by_side(given.of, [TEXTS, TEXTS, SOUNDS], 2)) == [2, 2, 1]


def test_pieces_side_by_side_come_in_order() -> None:
    def slow_at_first(piece: int) -> int:
        time.sleep(0.1 if piece == 0 else 0)
        return piece * piece

    assert list(side_by_side(slow_at_first, range(20), 2)) == [piece * piece for piece in range(20)]
