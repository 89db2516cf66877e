"""`handpick pretrain`: new versions that serve from the next night on, and a verdict on every objective."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from handpick.errors import MissingPartition, NightStopped
from handpick.lake.partitions import Lake
from handpick.stages.embed import ITEMS, QUERIES, run
from handpick.stages.embed.encoders import EncoderUnusable
from handpick.stages.pretrain import WORTH, pretrain
from handpick.stages.pretrain.corpus import newest_night
from handpick.stages.pretrain.downstream_eval import NothingToJudge
from handpick.stages.pretrain.versions import Versions
from handpick.stages.train.pretrainings import pretrainings, reencoded
from tests.stages.embed.conftest import FIRST, SECOND, SMALL, Shop


def test_every_objective_is_judged_and_the_new_versions_serve_the_next_night(shop: Shop) -> None:
    night = shop.night()
    digest = run(night).digest
    judged = pretrain(night)
    told = [(worth.objective, worth.task, worth.cases) for worth in judged]
    assert told == [
        ("masked_language", "phones for typed queries", 3),
        ("next_sentence", "phones for typed queries", 3),
        ("sentence_contrast", "phones for typed queries", 3),
        ("masked_language", "phones for users, told by texts", 6),
        ("next_sentence", "phones for users, told by texts", 6),
        ("sentence_contrast", "phones for users, told by texts", 6),
        ("image_views", "phones for photos", 1),
        ("text_image", "phones for photos", 1),
        ("image_views", "phones for users, told by pictures", 6),
        ("text_image", "phones for users, told by pictures", 6),
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
        assert versions.serving(name, SECOND) is not None
    sets = sorted(file.name for file in versions.root.glob("*.json"))
    assert sets == [f"from={FIRST}.json", f"from={SECOND}.json"]
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
    root = shop.settings.path(shop.settings.embed.encoders)
    assert len(list((root / "shop-bert").iterdir())) == 1
    assert [file.name for file in root.glob("*.json")] == [f"from={FIRST}.json"]


def test_a_version_is_seen_only_when_it_is_complete(tmp_path: Path) -> None:
    versions = Versions(tmp_path)
    with versions.writing("cnn", FIRST) as folder:
        (folder / "config.json").write_text("half")
        assert versions.serving("cnn", SECOND) is None
    served = versions.serving("cnn", SECOND)
    assert served is not None and (served / "config.json").read_text() == "half"
    assert versions.serving("cnn", FIRST - timedelta(days=1)) is None


def test_versions_written_together_take_over_together_or_not_at_all(tmp_path: Path) -> None:
    def write(versions: Versions, name: str, said: str) -> None:
        with versions.writing(name, SECOND) as folder:
            (folder / "config.json").write_text(said)

    def serving(versions: Versions) -> list[str]:
        found = [versions.serving(name, SECOND) for name in ("bert", "bilstm")]
        return [(one / "config.json").read_text() for one in found if one is not None]

    versions, others = Versions(tmp_path), Versions(tmp_path)
    for name in ("bert", "bilstm"):
        write(versions, name, "old")
    with pytest.raises(KeyboardInterrupt), versions.together(SECOND):
        write(versions, "bert", "new")
        assert serving(versions) == ["new", "old"], "what is trained next builds on what was trained before"
        assert serving(others) == ["old", "old"]
        raise KeyboardInterrupt
    assert serving(versions) == serving(others) == ["old", "old"]
    with versions.together(SECOND):
        for name in ("bert", "bilstm"):
            write(versions, name, "new")
        assert serving(others) == ["old", "old"]
    assert serving(versions) == serving(others) == ["new", "new"]


def test_a_stop_between_two_trainings_leaves_the_set_that_served(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    run(shop.night())
    versions = Versions(shop.settings.path(shop.settings.embed.encoders))
    names = ("shop-bert", "shop-cnn", "bilstm", "specs")
    before = [versions.serving(name, SECOND) for name in names]
    text = {**SMALL["pretraining"]["text"], "steps": 6}
    changed = {**SMALL["pretraining"], "text": text}
    lost = {**SMALL["embed"], "text": ("shop-bert", str(tmp_path / "no-such-bert"))}
    with pytest.raises(EncoderUnusable):
        pretrain(Shop(tmp_path, pretraining=changed, embed=lost).night())
    assert len(list((versions.root / "shop-bert").iterdir())) == 2, "it had trained one"
    assert [versions.serving(name, SECOND) for name in names] == before
    pretrain(Shop(tmp_path, pretraining=changed).night())
    after = [versions.serving(name, SECOND) for name in names]
    assert after[0] != before[0] and after[2] != before[2]
    assert [versions.serving(name, FIRST) for name in names] == before


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


def test_vectors_of_another_pretraining_are_made_beside_the_nights_own(shop: Shop) -> None:
    """What depends on the encoder changes, what does not is taken over, and nothing of it stays."""
    night = shop.night()
    run(night)
    versions = Versions(shop.settings.path(shop.settings.embed.encoders))
    kept = sorted(str(path) for path in versions.root.rglob("*"))
    chosen = night.settings.pretraining
    ways = pretrainings(chosen, night.settings.embed, has_pictures=True, has_sounds=True)
    with reencoded(night, ways["pretraining without masked_language"]) as (_, tables):
        before, after = night.lake.read(ITEMS, FIRST), tables["items"]
        assert after["item_id"].equals(before["item_id"])
        assert not after["text"].equals(before["text"]) and after["image"].equals(before["image"])
        asked = night.lake.read(QUERIES, FIRST)
        assert after.column_names == before.column_names
        assert tables["queries"].column_names == asked.column_names
        assert not tables["queries"]["audio"].equals(asked["audio"]), "voices lie where the words lie"
    with reencoded(night, ways["pretraining without image_views"]) as (_, tables):
        assert tables["items"]["text"].equals(before["text"])
        assert not tables["items"]["image"].equals(before["image"])
    assert sorted(str(path) for path in versions.root.rglob("*")) == kept
    assert night.lake.read(ITEMS, FIRST).equals(before)
