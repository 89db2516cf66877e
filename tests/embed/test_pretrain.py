"""`handpick pretrain`: new versions that serve from the next night on, and a verdict on every objective."""

from __future__ import annotations

from pathlib import Path

import pytest

from handpick.embed import ITEMS, run
from handpick.errors import MissingPartition, NightStopped
from handpick.lake import Lake
from handpick.pretrain import WORTH, pretrain
from handpick.pretrain.corpus import newest_night
from handpick.pretrain.judging import NothingToJudge
from handpick.pretrain.versions import Versions
from tests.embed.conftest import FIRST, SECOND, SMALL, Shop


def test_every_objective_is_judged_and_the_new_versions_serve_the_next_night(shop: Shop) -> None:
    night = shop.night()
    digest = run(night).digest
    judged = pretrain(night)
    told = [(worth.objective, worth.task, worth.cases) for worth in judged]
    assert told == [
        ("masked_language", "phones for typed queries", 3),
        ("next_sentence", "phones for typed queries", 3),
        ("sentence_contrast", "phones for typed queries", 3),
        ("image_views", "phones for photos", 1),
        ("text_image", "phones for photos", 1),
        ("audio_text", "phones for spoken queries", 1),
        ("autoencoder", "phones for users, told by interactions", 6),
        ("variational", "phones for users, told by interactions", 6),
        ("autoencoder", "phones for users, told by content", 6),
        ("variational", "phones for users, told by content", 6),
    ]
    assert all(0 <= worth.without <= 1 and 0 <= worth.with_it <= 1 for worth in judged)
    kept = night.lake.read(WORTH, FIRST)
    assert kept["ndcg_20_with"].to_pylist() == [worth.with_it for worth in judged]
    versions = Versions(shop.settings.path(shop.settings.embed.encoders))
    for name in ("shop-bert", "shop-cnn", "bilstm", "specs"):
        assert versions.serving(name, FIRST) != versions.serving(name, SECOND)
    assert run(night).digest == digest  # the same night again still uses the versions that served it
    run(shop.night(SECOND))
    assert night.lake.has(ITEMS, SECOND)


def test_a_failed_training_leaves_the_version_before_and_no_trace(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    run(shop.night())
    text = {**SMALL["pretraining"]["text"], "learning_rate": 1e20}
    night = Shop(tmp_path, pretraining={**SMALL["pretraining"], "text": text}).night()
    with pytest.raises(NightStopped, match="Nothing was replaced") as error:
        pretrain(night)
    assert "\n" not in str(error.value)
    folder = shop.settings.path(shop.settings.embed.encoders) / "shop-bert"
    assert [child.name for child in folder.iterdir()] == [f"from={FIRST}"]


def test_a_version_is_seen_only_when_it_is_complete(tmp_path: Path) -> None:
    versions = Versions(tmp_path)
    with versions.writing("cnn", FIRST) as folder:
        (folder / "config.json").write_text("half")
        assert versions.serving("cnn", SECOND) is None
    served = versions.serving("cnn", SECOND)
    assert served is not None
    assert served.name == f"from={FIRST}"


def test_a_shop_where_nothing_happened_has_nothing_to_judge_but_keeps_its_encoders(shop: Shop) -> None:
    night = shop.night()
    events = night.lake.read("marts/fct_interactions", FIRST)
    night.lake.write("marts/fct_interactions", FIRST, events.slice(0, 0))
    with pytest.raises(NothingToJudge, match="are kept") as error:
        pretrain(night)
    assert "\n" not in str(error.value)
    versions = Versions(shop.settings.path(shop.settings.embed.encoders))
    assert versions.serving("shop-bert", SECOND) is not None


def test_before_the_first_night_there_is_nothing_to_learn_from(shop: Shop) -> None:
    with pytest.raises(MissingPartition, match="handpick run"):
        newest_night(Lake(shop.settings.path(shop.settings.lake.root)))
