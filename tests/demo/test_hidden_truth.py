"""The ground truth: every modality reveals what the others do not, and the oracle uses all of it."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from handpick.dataset.oracle.scores import compute_expected_rates
from handpick.dataset.oracle.truth_files import UTILITY_FILE, OutdatedTruth
from handpick.dataset.oracle.utility import BLOCKS
from handpick.demo import ground_truth
from handpick.demo.ground_truth import ShopState
from handpick.demo.landing import DemoFolders
from handpick.demo.parameters import Plan
from handpick.demo.phones import draw_lines, draw_phones
from handpick.demo.sessions import encode_pairs
from handpick.errors import InputError

from .conftest import DAYS, LAST, made, plan

K = 10


@pytest.fixture(scope="module")
def world(shop_with_media: DemoFolders) -> ShopState:
    """The shop as it knows itself."""
    return ground_truth.load(shop_with_media.truth)


def rank_quality(gains: NDArray[np.float32], ranked_by: NDArray[np.float32]) -> float:
    """Mean over users of the discounted gain at `K` of one ranking, as a share of the best one's."""
    weights = 1 / np.log2(np.arange(K) + 2)

    def discounted(by: NDArray[np.float32]) -> NDArray[np.float64]:
        top = np.argsort(-by, axis=1, kind="stable")[:, :K]
        return np.asarray((np.take_along_axis(gains, top, 1) * weights).sum(axis=1), np.float64)

    return float((discounted(ranked_by) / discounted(gains)).mean())


def test_without_any_one_block_lists_are_worse(shop_with_media: DemoFolders, world: ShopState) -> None:
    users, items = world.customers.ids(), world.item_ids
    best = compute_expected_rates(shop_with_media.truth, users, items, LAST)
    for block in BLOCKS:
        blind = compute_expected_rates(shop_with_media.truth, users, items, LAST, without=[block])
        assert rank_quality(best, blind) < 0.97, f"nothing is lost without {block}"
    nothing = compute_expected_rates(shop_with_media.truth, users, items, LAST, without=BLOCKS)
    everything_but_one = [
        rank_quality(
            best,
            compute_expected_rates(shop_with_media.truth, users, items, LAST, without=set(BLOCKS) - {block}),
        )
        for block in BLOCKS
    ]
    assert min(everything_but_one) > rank_quality(best, nothing), "each alone tells something"


def test_no_block_of_a_phone_can_be_told_from_the_others() -> None:
    of = plan(rung="M")
    lines = draw_lines(of)
    phones = draw_phones(lines, 4000, of.stream("test"), np.zeros(len(lines.brand), np.int64), 0)
    blocks = {
        "specs": phones.specs,
        "image": phones.style(),
        "text": phones.persona,
        "hidden": phones.hidden,
    }
    for name, told in blocks.items():
        others = np.hstack([values for other, values in blocks.items() if other != name])
        others = np.column_stack([others, np.ones(len(others))])
        fitted, tested = slice(0, 2000), slice(2000, None)
        weights = np.linalg.lstsq(others[fitted], told[fitted], rcond=None)[0]
        left = ((told[tested] - others[tested] @ weights) ** 2).sum()
        explained = 1 - left / ((told[tested] - told[tested].mean(axis=0)) ** 2).sum()
        assert explained < 0.1, f"{name} follows from the others"


def test_what_the_oracle_ranks_high_is_what_people_open(
    shop_with_media: DemoFolders, world: ShopState
) -> None:
    day = LAST - timedelta(days=1)
    scores = compute_expected_rates(shop_with_media.truth, world.customers.ids(), world.item_ids, day)
    bought = world.owned_pairs[
        ~np.isin(world.owned_pairs, encode_pairs(np.arange(len(world.customers)), world.customers.owned))
    ]
    user, item = bought >> 24, bought & ((1 << 24) - 1)
    sold = scores[user, item]
    standing = (scores[user] < sold[:, None]).mean(axis=1)[sold > 0]
    assert len(standing) > 10
    assert standing.mean() > 0.65, "a phone drawn at random stands at one half"


def test_the_oracle_gives_nothing_to_phones_that_cannot_be_bought(
    shop_with_media: DemoFolders, world: ShopState
) -> None:
    early = LAST - timedelta(days=DAYS - 1)
    scores = compute_expected_rates(
        shop_with_media.truth, world.customers.ids(), [*world.item_ids, "no such"], early
    )
    late = np.flatnonzero(world.phones.launch_day > 0)
    assert len(late)
    assert not scores[:, late].any(), "not launched yet"
    assert not scores[:, -1].any(), "not known"
    came_with = np.flatnonzero(world.customers.owned >= 0)
    assert not scores[came_with, world.customers.owned[came_with]].any(), "already owned"


def test_days_outside_the_window_and_unknown_blocks_are_refused(shop_with_media: DemoFolders) -> None:
    with pytest.raises(InputError, match="covers 16 days"):
        compute_expected_rates(shop_with_media.truth, [], [], LAST + timedelta(days=1))
    with pytest.raises(InputError, match="unknown blocks"):
        compute_expected_rates(shop_with_media.truth, [], [], LAST, without=["smell"])


def test_a_shop_of_an_earlier_release_is_told_from_no_shop(
    shop_with_media: DemoFolders, tmp_path: Path
) -> None:
    old = shutil.copytree(shop_with_media.truth, tmp_path / "truth")
    (old / UTILITY_FILE).unlink()
    with pytest.raises(OutdatedTruth, match="--add-day"):
        compute_expected_rates(old, [], [], LAST)
    with pytest.raises(InputError, match="no demo shop"):
        compute_expected_rates(tmp_path, [], [], LAST)


@pytest.mark.parametrize(("named", "what"), [("rung", "XXL"), ("difficulty", "brutal"), ("days", 0)])
def test_an_unusable_plan_is_refused_in_one_line(named: str, what: object) -> None:
    wanted: dict[str, Any] = {
        "rung": "XS",
        "seed": 7,
        "days": 3,
        "end": LAST,
        "difficulty": "default",
        "has_media": False,
        named: what,
    }
    with pytest.raises(InputError, match=f"--{named} {what}"):
        Plan.ending(**wanted)


def test_an_easier_shop_has_a_higher_ceiling(tmp_path: Path) -> None:
    """How often the best ten phones hold what a person opens next: easy above default above hard."""
    ceilings = []
    for difficulty in ("easy", "default", "hard"):
        of = Plan.ending("XS", 7, 3, LAST, difficulty, has_media=False)
        folders = made(tmp_path / difficulty, of)
        people = ground_truth.load(folders.truth)
        scores = np.sort(
            compute_expected_rates(folders.truth, people.customers.ids(), people.item_ids, LAST), axis=1
        )
        ceilings.append(float((scores[:, -K:].sum(axis=1) / scores.sum(axis=1)).mean()))
    assert ceilings[0] > ceilings[1] > ceilings[2]
