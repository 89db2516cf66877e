"""The stage `pretrain`: new versions serve from the next night on, and every objective is measured."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from handpick.dataset.content_tables import find_newest_marts
from handpick.dataset.encoder_registry import EncoderRegistry
from handpick.dataset.encoders import EncoderUnusable
from handpick.errors import MissingPartition, NightStopped
from handpick.lake.partitions import Lake
from handpick.pipeline.runner import run_stage
from handpick.stages.embed import run as embed
from handpick.stages.embed.public import ITEMS
from handpick.stages.pretrain import run as pretrain
from handpick.stages.pretrain.downstream_eval import NoEvaluationEvents
from handpick.stages.pretrain.objective_results import OBJECTIVES_TABLE, results_to_rows, rows_to_results
from tests.stages.embed.conftest import FIRST, SECOND, SMALL, Shop


def test_every_objective_is_measured_and_the_new_versions_serve_the_next_night(shop: Shop) -> None:
    night = shop.night()
    digest = embed(night).digest
    result = run_stage("pretrain", night)
    rows = result.notes["objectives"]
    assert [(row["objective"], row["task"], row["case_count"]) for row in rows] == [
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
    assert all(0 <= row["ndcg_20_without"] <= 1 and 0 <= row["ndcg_20_with"] <= 1 for row in rows)
    assert (
        night.lake.read(OBJECTIVES_TABLE, FIRST).to_pylist() == rows == results_to_rows(rows_to_results(rows))
    )
    assert night.result("pretrain").notes["objectives"] == rows
    registry = EncoderRegistry(shop.settings.path(shop.settings.embed.encoders))
    for name in ("shop-bert", "shop-cnn", "bilstm", "specs"):
        assert registry.find_version(name, SECOND) is not None
    sets = sorted(file.name for file in registry.root.glob("*.json"))
    assert sets == [f"from={FIRST}.json", f"from={SECOND}.json"]
    assert embed(night).digest == digest  # the same night again still uses the versions that served it
    embed(shop.night(SECOND))
    assert night.lake.has(ITEMS, SECOND)


def test_what_was_read_for_training_is_in_the_ledger(shop: Shop) -> None:
    (shop.media / "2.png").write_bytes(b"damaged")
    flows = {flow.source: flow for flow in pretrain(shop.night()).flows}
    assert {name: (flow.rows_in, flow.rows_out) for name, flow in flows.items()} == {
        "spec sheets": (12, 12), "texts": (15, 15), "pictures": (11, 10), "clauses": (18, 3),
    }  # fmt: skip
    assert dict(flows["pictures"].dropped) == {"broken image": 1}
    assert dict(flows["clauses"].dropped) == {"beyond the limit": 15}


def test_equal_marts_give_an_equal_digest(tmp_path: Path) -> None:
    one, two = (pretrain(Shop(tmp_path / name).night()).digest for name in ("one", "two"))
    assert one == two


def test_a_failed_training_leaves_the_version_before_and_no_trace(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    embed(shop.night())
    text = {**SMALL["pretraining"]["text"], "learning_rate": 1e20}
    night = Shop(tmp_path, pretraining={**SMALL["pretraining"], "text": text}).night()
    with pytest.raises(NightStopped, match="No encoder was replaced") as error:
        pretrain(night)
    assert "\n" not in str(error.value)
    root = shop.settings.path(shop.settings.embed.encoders)
    assert len(list((root / "shop-bert").iterdir())) == 1
    assert [file.name for file in root.glob("*.json")] == [f"from={FIRST}.json"]


def test_a_version_is_seen_only_when_it_is_complete(tmp_path: Path) -> None:
    registry = EncoderRegistry(tmp_path)
    with registry.write_version("cnn", FIRST) as folder:
        (folder / "config.json").write_text("half")
        assert registry.find_version("cnn", SECOND) is None
    served = registry.find_version("cnn", SECOND)
    assert served is not None and (served / "config.json").read_text() == "half"
    assert registry.find_version("cnn", FIRST - timedelta(days=1)) is None


def test_versions_written_together_take_over_together_or_not_at_all(tmp_path: Path) -> None:
    def write(registry: EncoderRegistry, name: str, said: str) -> None:
        with registry.write_version(name, SECOND) as folder:
            (folder / "config.json").write_text(said)

    def serving(registry: EncoderRegistry) -> list[str]:
        found = [registry.find_version(name, SECOND) for name in ("bert", "bilstm")]
        return [(one / "config.json").read_text() for one in found if one is not None]

    registry, others = EncoderRegistry(tmp_path), EncoderRegistry(tmp_path)
    for name in ("bert", "bilstm"):
        write(registry, name, "old")
    with pytest.raises(KeyboardInterrupt), registry.transaction(SECOND):
        write(registry, "bert", "new")
        assert serving(registry) == ["new", "old"], "later trainings inside build on the earlier ones"
        assert serving(others) == ["old", "old"]
        raise KeyboardInterrupt
    assert serving(registry) == serving(others) == ["old", "old"]
    with registry.transaction(SECOND):
        for name in ("bert", "bilstm"):
            write(registry, name, "new")
        assert serving(others) == ["old", "old"]
    assert serving(registry) == serving(others) == ["new", "new"]


def test_a_stop_between_two_trainings_leaves_the_set_that_served(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    embed(shop.night())
    registry = EncoderRegistry(shop.settings.path(shop.settings.embed.encoders))
    names = ("shop-bert", "shop-cnn", "bilstm", "specs")
    before = [registry.find_version(name, SECOND) for name in names]
    text = {**SMALL["pretraining"]["text"], "steps": 6}
    changed = {**SMALL["pretraining"], "text": text}
    lost = {**SMALL["embed"], "text": ("shop-bert", str(tmp_path / "no-such-bert"))}
    with pytest.raises(EncoderUnusable):
        pretrain(Shop(tmp_path, pretraining=changed, embed=lost).night())
    assert len(list((registry.root / "shop-bert").iterdir())) == 2, "it had trained one"
    assert [registry.find_version(name, SECOND) for name in names] == before
    pretrain(Shop(tmp_path, pretraining=changed).night())
    after = [registry.find_version(name, SECOND) for name in names]
    assert after[0] != before[0] and after[2] != before[2]
    assert [registry.find_version(name, FIRST) for name in names] == before


def test_a_shop_where_nothing_happened_cannot_be_evaluated_but_keeps_its_encoders(shop: Shop) -> None:
    night = shop.night()
    events = night.lake.read("marts/fct_interactions", FIRST)
    night.lake.write("marts/fct_interactions", FIRST, events.slice(0, 0))
    with pytest.raises(NoEvaluationEvents, match="are kept") as error:
        pretrain(night)
    assert "\n" not in str(error.value)
    registry = EncoderRegistry(shop.settings.path(shop.settings.embed.encoders))
    assert registry.find_version("shop-bert", SECOND) is not None


def test_before_the_first_night_there_is_nothing_to_learn_from(shop: Shop) -> None:
    with pytest.raises(MissingPartition, match="handpick run"):
        find_newest_marts(Lake(shop.settings.path(shop.settings.lake.root)))
