"""The stage `embed` encodes what changed, reuses other vectors, and keeps every row despite damaged files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from handpick.dataset.encoder_registry import EncoderRegistry
from handpick.errors import DamagedData, MissingPartition
from handpick.night import Night
from handpick.stages.embed import run
from handpick.stages.embed.public import ITEMS, QUERIES
from tests.stages.embed.conftest import FIRST, SECOND, Shop


def test_every_phone_and_query_has_a_row_and_a_vector_for_what_it_has(shop: Shop) -> None:
    night = shop.night()
    result = run(night)
    items, queries = night.lake.read(ITEMS, FIRST), night.lake.read(QUERIES, FIRST)
    assert [items[name].null_count for name in ("text", "image", "specs")] == [0, 1, 0]
    assert [len(items), len(queries)] == [12, 6]
    assert [vector is not None for vector in queries["text"].to_pylist()] == [True] * 3 + [False] * 3
    assert [vector is not None for vector in queries["image"].to_pylist()] == [False] * 3 + [
        True,
        False,
        False,
    ]
    assert [vector is not None for vector in queries["audio"].to_pylist()] == [False] * 4 + [True, False]
    sounds = next(flow for flow in result.flows if flow.source == "query audio files")
    assert (sounds.rows_in, sounds.rows_out, dict(sounds.dropped)) == (2, 1, {"missing audio": 1})


def test_the_same_night_in_another_place_gives_the_same_bytes(tmp_path: Path) -> None:
    one, two = (run(Shop(tmp_path / name).night()).digest for name in ("one", "two"))
    assert one == two


def test_the_next_night_encodes_only_a_changed_text_and_a_changed_picture(shop: Shop) -> None:
    first = run(shop.night())
    assert first.notes["encoded_count"]["items.text"] == 12
    shop.descriptions[3] = "red phone 3. It folds"
    shutil.copy(shop.media / "5.png", shop.media / "4.png")
    night = shop.night(SECOND)
    second = run(night)
    assert second.notes["encoded_count"] == {
        "items.text": 1, "items.image": 0, "items.specs": 0,
        "queries.text": 0, "queries.image": 0, "queries.audio": 0,
    }  # fmt: skip
    assert second.notes["reused_count"]["items.text"] == 11
    before, after = (night.lake.read(ITEMS, day) for day in (FIRST, SECOND))
    changed = [
        one != two for one, two in zip(before["text"].to_pylist(), after["text"].to_pylist(), strict=True)
    ]
    assert [row for row, is_changed in enumerate(changed) if is_changed] == [3]
    assert after["image"][4] == before["image"][5]


def test_other_weights_encode_everything_again(shop: Shop) -> None:
    run(shop.night())
    night = shop.night(SECOND)
    registry = EncoderRegistry(shop.settings.path(shop.settings.embed.encoders))
    trained = registry.find_version("shop-cnn", FIRST)
    assert trained is not None
    with registry.write_version("shop-cnn", SECOND) as folder:
        shutil.copytree(trained, folder, dirs_exist_ok=True)
        settings = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**settings, "about": "something else"}))
    again = run(night)
    assert again.notes["reused_count"]["items.image"] == 0
    assert again.notes["reused_count"]["items.text"] == 12


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n damaged", b""])
def test_a_damaged_picture_leaves_its_phone_without_a_vector_and_is_counted(
    shop: Shop, content: bytes
) -> None:
    (shop.media / "2.png").write_bytes(content)
    night = shop.night()
    result = run(night)
    flow = next(flow for flow in result.flows if flow.source == "item image files")
    assert (flow.rows_in, flow.rows_out, sum(flow.dropped.values())) == (11, 10, 1)
    assert night.lake.read(ITEMS, FIRST)["image"][2].as_py() is None


def test_a_phone_without_any_words_has_no_text_vector_only_if_it_says_nothing(shop: Shop) -> None:
    shop.descriptions[0] = ""
    night = shop.night()
    run(night)
    assert night.lake.read(ITEMS, FIRST)["text"].null_count == 0  # its title is left


def test_a_file_outside_the_media_folder_is_never_read(shop: Shop, tmp_path: Path) -> None:
    (shop.media / "1.png").unlink()
    secret = tmp_path / "secret.png"
    shutil.copy(shop.media / "2.png", secret)
    (shop.media / "1.png").symlink_to(secret)
    result = run(shop.night())
    flow = next(flow for flow in result.flows if flow.source == "item image files")
    assert dict(flow.dropped) == {"image outside the media root": 1}


def test_damaged_weights_stop_the_night_in_one_line_and_keep_the_night_before(shop: Shop) -> None:
    run(shop.night())
    for weights in shop.settings.path(shop.settings.embed.encoders).glob("shop-bert/*/model.safetensors"):
        weights.write_bytes(weights.read_bytes()[:200])
    night = shop.night(SECOND)
    with pytest.raises(DamagedData, match=r"shop-bert.* is damaged: .* Nothing was encoded") as error:
        run(night)
    assert "\n" not in str(error.value)
    assert night.lake.has(ITEMS, FIRST)
    assert not night.lake.has(ITEMS, SECOND)


def test_without_marts_the_error_names_the_command_to_run_first(shop: Shop) -> None:
    with pytest.raises(MissingPartition, match="handpick"):
        run(Night(shop.settings, FIRST))
