"""The ablation of pretraining encodes the night's content again, with encoders that are not kept."""

from __future__ import annotations

from pathlib import Path

from handpick.dataset.encoder_registry import EncoderRegistry
from handpick.stages.embed import run as embed
from handpick.stages.embed.public import ITEMS, QUERIES
from handpick.stages.train.pretraining_ablation import list_pretraining_variants, reencode_with_variant
from tests.stages.embed.conftest import FIRST, Shop


def test_another_pretraining_changes_only_the_vectors_that_depend_on_it(tmp_path: Path) -> None:
    """Vectors of encoders that are the same are reused, and neither encoders nor tables stay."""
    shop = Shop(tmp_path)
    night = shop.night()
    embed(night)
    registry = EncoderRegistry(shop.settings.path(shop.settings.embed.encoders))
    kept = sorted(str(path) for path in registry.root.rglob("*"))
    chosen = night.settings.pretraining
    variants = list_pretraining_variants(chosen, night.settings.embed, has_pictures=True, has_sounds=True)
    with reencode_with_variant(night, variants["pretraining without masked_language"]) as (_, tables):
        before, after = night.lake.read(ITEMS, FIRST), tables["items"]
        assert after["item_id"].equals(before["item_id"])
        assert not after["text"].equals(before["text"]) and after["image"].equals(before["image"])
        asked = night.lake.read(QUERIES, FIRST)
        assert after.column_names == before.column_names
        assert tables["queries"].column_names == asked.column_names
        assert not tables["queries"]["audio"].equals(asked["audio"]), (
            "recordings share the vector space of the texts"
        )
    with reencode_with_variant(night, variants["pretraining without image_views"]) as (_, tables):
        assert tables["items"]["text"].equals(before["text"])
        assert not tables["items"]["image"].equals(before["image"])
    assert sorted(str(path) for path in registry.root.rglob("*")) == kept
    assert night.lake.read(ITEMS, FIRST).equals(before)
