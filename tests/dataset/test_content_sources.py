"""Content sources: content by its key, the encoder that made the vectors, and an error in one line if that has changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from handpick.dataset.content_sources import ContentSources
from handpick.dataset.encoders import EncoderUnusable, open_registry
from handpick.errors import NightStopped
from handpick.night import Night
from handpick.stages.embed import run
from handpick.stages.embed.public import ITEMS, QUERIES
from tests.stages.embed.conftest import FIRST, Shop


def read_column(
    night: Night, whose: str, kind: str
) -> tuple[list[str | None], list[list[float] | None], str]:
    """Return the keys and vectors of a column, and the fingerprint of its encoder."""
    table = night.lake.read(ITEMS if whose == "items" else QUERIES, FIRST)
    about = {name.decode(): value.decode() for name, value in (table.schema.metadata or {}).items()}
    return table[f"{kind}_key"].to_pylist(), table[kind].to_pylist(), about[kind]


@pytest.mark.parametrize(
    ("whose", "kind"), [("items", "text"), ("items", "image"), ("queries", "text"), ("queries", "audio")]
)
def test_every_key_is_read_again_and_encoded_to_the_same_vector(shop: Shop, whose: str, kind: str) -> None:
    night = shop.night()
    run(night)
    keys, vectors, fingerprint = read_column(night, whose, kind)
    source = ContentSources(night).make_source(kind, whose, fingerprint)
    assert source is not None
    encoder = source.encoder()
    assert encoder.fingerprint == fingerprint
    seen = 0
    for key, vector in zip(keys, vectors, strict=True):
        if key is not None:
            assert vector is not None
            assert np.allclose(encoder.encode([source.content(key)])[0], vector, atol=1e-5)
            seen += 1
    assert seen
    assert source.content("no such key") is None
    assert source.encoder().module is not encoder.module, "a copy of its own, to be trained"


def test_a_file_that_has_gone_since_has_no_content(shop: Shop) -> None:
    night = shop.night()
    run(night)
    keys, _, fingerprint = read_column(night, "items", "image")
    (shop.media / "0.png").unlink()
    source = ContentSources(night).make_source("image", "items", fingerprint)
    assert source is not None and keys[0] is not None
    assert source.content(keys[0]) is None and source.content(str(keys[1])) is not None


def test_another_encoder_than_the_one_that_made_the_vectors_stops_with_one_line(tmp_path: Path) -> None:
    night = Shop(tmp_path).night()
    run(night)
    source = ContentSources(night).make_source("text", "items", "another-bert:0")
    assert source is not None
    with pytest.raises(NightStopped, match=f"handpick embed --date {FIRST}") as stopped:
        source.encoder()
    assert "\n" not in str(stopped.value)


def test_an_encoder_without_a_registered_version_stops_with_one_line_and_is_not_trained(shop: Shop) -> None:
    night = shop.night()
    run(night)
    registry = open_registry(night)
    (registry.root / f"from={FIRST}.json").unlink()
    _, _, fingerprint = read_column(night, "items", "text")
    source = ContentSources(night).make_source("text", "items", fingerprint)
    assert source is not None
    with pytest.raises(EncoderUnusable, match=f"handpick embed --date {FIRST}") as stopped:
        source.encoder()
    assert "\n" not in str(stopped.value)
    assert not registry.read_members(FIRST)
