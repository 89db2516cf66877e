"""The plan alone determines the bytes of a demo shop, however many days are generated at once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from handpick.demo import shop
from handpick.demo.landing import DemoFolders
from handpick.errors import InputError
from handpick.stages.land.public import DEMO_MARK

from .conftest import DAYS, LAST, digests, made, plan


def test_the_same_seed_gives_the_same_bytes_media_and_truth_included(
    shop_with_media: DemoFolders, tmp_path: Path
) -> None:
    again = made(tmp_path, plan(media=True))
    first = digests(shop_with_media.landing.parent)
    assert digests(again.landing.parent) == first
    assert len(first) > 4 * DAYS


def test_another_seed_gives_another_shop(shop_with_media: DemoFolders, tmp_path: Path) -> None:
    other = digests(made(tmp_path, plan(seed=8)).landing)
    del other[DEMO_MARK]  # an empty file in every demo shop
    first = digests(shop_with_media.landing)
    shared = [name for name, digest in other.items() if first.get(name) == digest]
    assert len(other) == 4 * DAYS
    assert all(name.startswith("users/") for name in shared), "only days without a sign-up look alike"
    assert len(shared) < DAYS / 2


def test_an_added_day_is_the_day_that_a_longer_shop_would_have_had(tmp_path: Path) -> None:
    grown = made(tmp_path / "grown", plan(days=DAYS - 2, end=LAST - timedelta(days=2)))
    before = digests(grown.landing)
    shop.add_day(grown)
    shop.add_day(grown)
    after = digests(grown.landing)
    assert {name: after[name] for name in before} == before, "earlier days stay as they are"
    longer = made(tmp_path / "longer", plan())
    assert digests(longer.landing.parent) == digests(grown.landing.parent)


def test_a_shop_that_is_there_is_left_alone_unless_told_otherwise(tmp_path: Path) -> None:
    folders = made(tmp_path, plan(days=2))
    before = digests(tmp_path)
    with pytest.raises(InputError, match="--add-day"):
        shop.generate_shop(plan(days=3), folders)
    assert digests(tmp_path) == before
    shop.generate_shop(plan(days=2, seed=9), folders, overwrite=True)
    assert digests(tmp_path) != before


def test_files_of_the_owners_are_never_overwritten(tmp_path: Path) -> None:
    folders = made(tmp_path, plan(days=2))
    own = folders.landing / "events" / "ours.csv"
    own.write_text("event_id\n1\n")
    with pytest.raises(InputError, match=r"ours\.csv is no file of a demo shop"):
        shop.generate_shop(plan(days=2), folders, overwrite=True)
    assert own.read_text() == "event_id\n1\n"


def test_there_is_no_next_day_without_a_shop(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no demo shop"):
        shop.add_day(DemoFolders.under(tmp_path))
