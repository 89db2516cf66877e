"""Explanations are counterfactual: without what they name the phone's score falls; in English and in Chinese."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import pytest

from handpick.stages.score.candidates import compute_score_deviation
from handpick.stages.score.counterfactuals import (
    MIN_FALL,
    _remove_pairs,
    _remove_queries,
    find_counterfactuals,
)
from handpick.stages.score.explanation_templates import (
    ADVANTAGE_TEMPLATES,
    COMMON_TEMPLATES,
    REASON_TEMPLATES,
    VERBS,
    choose_language,
)
from handpick.stages.score.explanations import ExplanationWriter, ListRow, choose_counterfactual
from handpick.stages.score.phone_comparison import describe_comparison
from handpick.stages.score.rerank import PlacementSource
from models.config import ContentConfig
from models.content import ContentBased
from models.dataset import Dataset, FloatArray, IntArray, StringArray
from models.recommender_interface import Factors
from models.topn.exact import compute_exact_scores, find_top_n
from tests.models.collaborative.shop import shop

from .conftest import ITEMS, MakeShop


@dataclass(frozen=True)
class ByContent:
    """The content member as the scorer."""

    model: ContentBased

    def factors(self, data: Dataset, users: IntArray) -> Factors:
        return self.model.factors(data, users)

    def name_sources(self, data: Dataset, users: IntArray) -> StringArray:  # noqa: ARG002
        return np.full(len(users), "content")

    def item_vectors(self, data: Dataset) -> FloatArray:
        return self.model.factors(data, np.zeros(0, np.int64)).items


def test_without_the_claimed_cause_the_score_falls() -> None:
    data = shop(users=60)
    only_asked = np.isin(data.interactions.user, data.queries.user)
    data = replace(data, interactions=data.interactions.where(~only_asked))
    scorer = ByContent(ContentBased(ContentConfig()).fit(data, 7))
    users = np.arange(60)
    factors = scorer.factors(data, users)
    best = find_top_n(factors, 10)
    row_user = np.repeat(users, 10)
    row_item = best.items.ravel().astype(np.int64)
    causes = find_counterfactuals(
        scorer, data, scorer.item_vectors(data), users, row_user, row_item, anchors=2, batch_users=7
    )
    before, scale = (
        compute_exact_scores(factors.users, factors.items, row_user, row_item),
        compute_score_deviation(factors),
    )
    kinds: Counter[str] = Counter()
    for row in {*range(0, len(row_user), 13), *np.flatnonzero(causes.query >= 0).tolist()}:
        anchor, query = choose_counterfactual(causes, row)
        user = row_user[row]
        if query >= 0:
            assert data.queries.user[query] == user
            without = _remove_queries(data, np.array([query]))
        elif anchor >= 0:
            did = data.interactions.item[data.interactions.user == user]
            assert anchor in did
            assert anchor != row_item[row]
            without = _remove_pairs(data, np.array([user]), np.array([anchor]))
        else:
            continue
        changed = scorer.factors(without, np.array([user]))
        after = compute_exact_scores(
            changed.users, changed.items, np.zeros(1, np.int64), row_item[row : row + 1]
        )[0]
        assert before[row] - after > MIN_FALL * scale[user] * 0.999
        kinds["query" if query >= 0 else "history"] += 1
    assert kinds["query"] > 0 and kinds["history"] > 0


def test_what_does_not_change_the_score_is_no_counterfactual() -> None:
    data = shop(users=60)
    scorer = ByContent(ContentBased(ContentConfig()).fit(data, 7))

    @dataclass(frozen=True)
    class Unchanging(ByContent):
        """Scores by the original data, whatever is removed."""

        def factors(self, data: Dataset, users: IntArray) -> Factors:  # noqa: ARG002
            return scorer.factors(shop(users=60), users)

    rows = np.arange(60)
    causes = find_counterfactuals(
        Unchanging(scorer.model),
        data,
        scorer.item_vectors(data),
        rows,
        rows,
        rows % 50,
        anchors=2,
        batch_users=100,
    )
    assert (causes.anchor == -1).all()
    assert (causes.query == -1).all()


def test_a_reason_names_the_phone_and_its_greatest_advantage_in_the_users_language(
    make_shop: MakeShop,
) -> None:
    weight = np.full(ITEMS, np.nan)
    weight[[5, 9]] = [160, 240]
    made = make_shop([(0, 9, "view"), (1, 9, "cart")], price=np.full(ITEMS, 300, np.float32))
    made = replace(made, numeric_specs={**made.numeric_specs, "weight_g": weight})
    writer = ExplanationWriter(made, ("en", "zh"), "EUR", np.zeros((3, ITEMS), bool))
    assert writer.explain(ListRow(0, 5, PlacementSource.MODEL, ""), anchor=9) == (
        "history",
        "like the Phone 9 you viewed, 80 g lighter",
    )
    assert writer.explain(ListRow(1, 5, PlacementSource.MODEL, ""), anchor=9) == (
        "history",
        "与您加入购物车的 Phone 9 相似，轻 80 克",
    )
    assert (
        writer.explain(ListRow(0, 6, PlacementSource.MODEL, ""), anchor=9)[1]
        == "because you viewed the Phone 9"
    )


def test_what_is_not_known_is_not_said(make_shop: MakeShop) -> None:
    made = make_shop(price=np.full(ITEMS, np.nan, np.float32))
    assert describe_comparison(made, 0, 1, "en", "EUR") == ""
    assert describe_comparison(made, 0, 4, "en", "EUR") == "same brand"
    assert describe_comparison(make_shop(), 0, 4, "en", "EUR") == "same brand, 200 EUR cheaper"
    assert describe_comparison(make_shop(), 4, 0, "en", "EUR") == "same brand", "dearer is no advantage"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (ListRow(0, 1, PlacementSource.CAMPAIGN, "Spring"), ("campaign", "featured: Spring")),
        (ListRow(0, 1, PlacementSource.EXPLORATION, ""), ("exploration", "something different to discover")),
        (ListRow(0, 1, PlacementSource.LAUNCH, ""), ("launch", "new this week")),
        (ListRow(0, 1, PlacementSource.MODEL, ""), ("model", "a strong match for your profile")),
        (ListRow(0, 2, PlacementSource.MODEL, ""), ("popular", "popular in DE")),
        (ListRow(1, 2, PlacementSource.EXPLORATION, ""), ("exploration", "换个口味看看")),
        (ListRow(1, 2, PlacementSource.MODEL, ""), ("model", "与您的偏好高度匹配")),
    ],
)
def test_a_phone_without_a_cause_says_what_put_it_there(
    make_shop: MakeShop, row: ListRow, expected: tuple[str, str]
) -> None:
    made = make_shop()
    popular = np.zeros((3, ITEMS), bool)
    popular[made.countries[0].index("DE"), 2] = True
    assert ExplanationWriter(made, ("en", "zh"), "EUR", popular).explain(row) == expected


def test_every_sentence_is_there_in_every_language() -> None:
    for templates in (REASON_TEMPLATES, ADVANTAGE_TEMPLATES, VERBS, COMMON_TEMPLATES):
        assert set(templates) == {"en", "zh"}
        assert set(templates["en"]) == set(templates["zh"])
    assert [choose_language(code, ("en", "zh")) for code in ("zh-CN", "zh_TW", "en-GB", "fr", "")] == [
        "zh",
        "zh",
        "en",
        "en",
        "en",
    ]
    assert choose_language("zh", ("en",)) == "en"
