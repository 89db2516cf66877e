"""Every member of the family has the same interface and keeps the same guarantees."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.collaborative.base import Member
from models.config import EaseConfig, FamilyConfig, ItemNeighboursConfig, UserNeighboursConfig
from models.dataset import Dataset, Modality
from models.member_registry import MEMBER_CLASSES, load_member, make_member
from models.recommender_interface import Recommender
from tests.models.collaborative.shop import DAY, DAYS, renamed, shop

EVERYBODY = ("popularity", "freshness")


def recall(member: Member, past: Dataset, data: Dataset, n: int = 10) -> float:
    """Return the share of next week's items of warm users that are on their lists."""
    users = np.unique(past.interactions.user)
    future = data.interactions.between((DAYS - 7) * DAY, DAYS * DAY)
    lists = member.top_n(past, users, n)
    return float(
        np.mean(
            [
                np.isin(np.unique(future.item[future.user == user]), lists[row]).mean()
                for row, user in enumerate(users)
                if (future.user == user).any()
            ]
        )
    )


@pytest.mark.parametrize("name", MEMBER_CLASSES)
def test_a_member_is_a_recommender_with_finite_scores(
    name: str, family: dict[str, Member], past: Dataset
) -> None:
    assert isinstance(family[name], Recommender)
    scores = family[name].score(past, np.arange(5))
    assert (
        scores.shape == (5, len(past.catalogue)) and np.isfinite(scores).all() and scores.dtype == np.float32
    )


@pytest.mark.parametrize("name", MEMBER_CLASSES)
def test_the_same_seed_gives_the_same_bytes_and_loading_gives_the_same_scores(
    name: str, family: dict[str, Member], past: Dataset, tmp_path: Path
) -> None:
    family[name].save(tmp_path / "one")
    make_member(name, FamilyConfig()).fit(past, seed=3).save(tmp_path / "two")
    for file in ("arrays.safetensors", "member.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    again = load_member(name, tmp_path / "one")
    users = np.arange(len(past.users))
    assert again.name == name
    assert np.array_equal(again.score(past, users), family[name].score(past, users))


@pytest.mark.parametrize("name", [name for name in MEMBER_CLASSES if name not in EVERYBODY])
def test_a_personal_member_finds_more_of_next_week_than_popularity(
    name: str, family: dict[str, Member], past: Dataset, data: Dataset
) -> None:
    assert recall(family[name], past, data) > recall(family["popularity"], past, data)


@pytest.mark.parametrize("name", MEMBER_CLASSES)
def test_scores_follow_the_item_ids_when_the_catalogue_changes(
    name: str, family: dict[str, Member], past: Dataset
) -> None:
    """A new item that sorts before all others moves every index by one, and changes no score."""
    items = len(past.catalogue)
    catalogue = past.catalogue
    grown = replace(
        past,
        catalogue=replace(
            catalogue,
            item_ids=np.concatenate([["a-new"], catalogue.item_ids]),
            modalities={
                key: Modality(np.vstack([m.values[:1], m.values]), np.concatenate([[True], m.present]))
                for key, m in catalogue.modalities.items()
            },
            price=np.concatenate([[300], catalogue.price]).astype(np.float32),
            brand=np.concatenate([["Aurora"], catalogue.brand]),
            released_at=np.concatenate([[past.as_of - DAY], catalogue.released_at]),
            is_sellable=np.ones(items + 1, bool),
            statistics=np.zeros((items + 1, 0), np.float32),
        ),
        interactions=replace(past.interactions, item=past.interactions.item + 1),
    )
    users = np.arange(20)
    np.testing.assert_allclose(
        family[name].score(grown, users)[:, 1:], family[name].score(past, users), rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize("name", MEMBER_CLASSES)
def test_users_without_history_are_scored_and_new_ids_change_nothing(
    name: str, family: dict[str, Member], past: Dataset
) -> None:
    cold = np.setdiff1d(np.arange(len(past.users)), past.interactions.user)
    assert np.isfinite(family[name].score(past, cold)).all()
    if name != "bpr":  # BPR knows its users by id: strangers get the mean of what they liked instead
        same = family[name].score(renamed(past, "x"), np.arange(30))
        assert np.array_equal(same, family[name].score(past, np.arange(30)))


def test_one_event_moves_a_cold_users_list(family: dict[str, Member], past: Dataset) -> None:
    cold = int(np.setdiff1d(np.arange(len(past.users)), past.interactions.user)[-1])
    events = past.interactions
    wanted = int(np.bincount(events.item).argmax())
    seen = replace(
        past,
        interactions=replace(
            events,
            user=np.append(events.user, cold),
            item=np.append(events.item, wanted),
            event_type=np.append(events.event_type, np.int8(1)),
            weight=np.append(events.weight, np.float32(1)),
            at=np.append(events.at, past.as_of - 1),
        ),
    )
    for name in MEMBER_CLASSES:
        if name in (*EVERYBODY, "user_pearson"):  # one event has no variance to correlate
            continue
        before, after = (family[name].score(d, np.array([cold])) for d in (past, seen))
        assert not np.allclose(before, after), name


def test_a_question_alone_gives_content_a_taste(
    family: dict[str, Member], data: Dataset, past: Dataset
) -> None:
    askers = past.queries.user
    future = data.interactions.between((DAYS - 7) * DAY, DAYS * DAY)
    lists = family["content"].top_n(past, askers, 10)
    hits = [np.isin(future.item[future.user == user], lists[row]).mean() for row, user in enumerate(askers)]
    chance = 10 / len(past.catalogue)
    assert np.mean(hits) > 2 * chance


def test_content_scores_a_phone_that_nobody_has_seen(family: dict[str, Member], past: Dataset) -> None:
    unseen = np.setdiff1d(np.arange(len(past.catalogue)), past.interactions.item)
    assert len(unseen)
    users = np.unique(past.interactions.user)
    assert np.abs(family["content"].score(past, users)[:, unseen]).max() > 0.1
    assert np.abs(family["features_combined"].score(past, users)[:, unseen]).max() > 1e-3
    assert not family["item_cosine"].score(past, users)[:, unseen].any()


@pytest.mark.parametrize("name", ["item_cosine", "ease", "graph_filter", "user_cosine"])
def test_large_catalogues_are_scored_through_narrow_factors(name: str, past: Dataset) -> None:
    whole = make_member(name, FamilyConfig()).fit(past, 1)
    thin = make_member(name, FamilyConfig())
    thin.config = thin.config.model_copy(update={"rank": 40})
    thin.fit(past, 1)
    users = np.unique(past.interactions.user)
    assert thin.factors(past, users).users.shape[1] == 40
    exact, near = whole.score(past, users), thin.score(past, users)
    assert np.corrcoef(exact.ravel(), near.ravel())[0, 1] > 0.9


def test_item_cosine_is_the_textbook_formula() -> None:
    data = shop(users=30, items=12, events=6)
    member = make_member("item_cosine", FamilyConfig(item_cosine=ItemNeighboursConfig(neighbours=12))).fit(
        data, 0
    )
    likes = member.history(data, np.arange(30)).toarray().astype(float)
    norms = np.linalg.norm(likes, axis=0)
    expected = (likes.T @ likes) / np.maximum(np.outer(norms, norms), 1e-12)
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(member.array("weights"), expected, atol=1e-5)


@pytest.mark.parametrize("user_degree", [0.0, 0.5])
def test_ease_is_the_regression_with_weighted_users_and_a_zero_diagonal(user_degree: float) -> None:
    data = shop(users=40, items=12, events=6)
    config = EaseConfig(regularization=0.7, user_degree=user_degree)
    member = make_member("ease", FamilyConfig(ease=config)).fit(data, 0)
    likes = member.history(data, np.arange(40)).toarray().astype(float)
    degree = likes.sum(1)
    root = np.where(degree > 0, np.maximum(degree, 1e-12) ** (-user_degree / 2), 0)[:, None]
    rows = root * likes
    penalty = 0.7 * (rows**2).sum() / rows.shape[1]
    for item in range(rows.shape[1]):
        # Each column is a ridge regression of the item on the others, solved here one by one.
        others = np.delete(np.arange(rows.shape[1]), item)
        gram = rows[:, others].T @ rows[:, others] + penalty * np.eye(len(others))
        expected = np.linalg.solve(gram, rows[:, others].T @ rows[:, item])
        np.testing.assert_allclose(member.array("weights")[others, item], expected, atol=1e-5)
        assert member.array("weights")[item, item] == 0


def test_pearson_is_numpys_correlation_over_common_items() -> None:
    from scipy import sparse

    from models.collaborative.user_neighbours import make_pearson_similarity

    random = np.random.default_rng(5)
    rows = sparse.csr_matrix(random.random((2, 8)))
    expected = np.asarray(np.corrcoef(rows.toarray()))[0, 1] * 8 / (8 + 5)
    assert make_pearson_similarity(rows[1:].tocsr(), 5.0)(rows[:1].tocsr())[0, 0] == pytest.approx(
        expected, abs=1e-4
    )


def test_shrinkage_lowers_trust_in_few_common_items() -> None:
    data = shop(users=40, items=15, events=8)
    loose, tight = (
        make_member(
            "user_pearson", FamilyConfig(user_pearson=UserNeighboursConfig(similarity="pearson", shrinkage=s))
        )
        for s in (0.0, 50.0)
    )
    assert not np.allclose(
        loose.fit(data, 0).score(data, np.arange(40)), tight.fit(data, 0).score(data, np.arange(40))
    )


def test_implicit_is_called_as_the_library_is_called_directly(past: Dataset) -> None:
    from implicit.cpu.als import AlternatingLeastSquares

    config = FamilyConfig().als
    member = make_member("als", FamilyConfig()).fit(past, 11)
    direct = AlternatingLeastSquares(
        factors=config.dim, regularization=config.regularization, alpha=config.alpha,
        iterations=config.iterations, num_threads=1, random_state=11,
    )  # fmt: skip
    direct.fit(member.history(past, np.arange(len(past.users))), show_progress=False)
    np.testing.assert_allclose(member.array("items"), direct.item_factors, rtol=1e-4, atol=1e-5)


def test_fresh_phones_are_liked_more_where_history_says_so(data: Dataset) -> None:
    """In this shop new items are not liked more than others; where their events weigh more, the member learns it."""
    events = data.interactions
    age = events.at - data.catalogue.released_at[events.item]
    boosted = replace(data, interactions=replace(events, weight=np.where(age < 12 * DAY, 20, events.weight)))
    member = make_member("freshness", FamilyConfig()).fit(boosted, 0)
    scores = member.score(boosted, np.array([0]))[0]
    newest = data.catalogue.released_at > data.as_of - 12 * DAY
    assert scores[newest].mean() > scores[~newest].mean()
