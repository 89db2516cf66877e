"""Explanations are counterfactual: without what they name the phone's score falls; in English and in Chinese."""

from __future__ import annotations

import tomllib
from collections import Counter
from dataclasses import dataclass, replace
from importlib.resources import files
from string import Formatter
from typing import Any

import numpy as np
import pytest
from babel import Locale

from handpick.settings.score import ScoreSettings
from handpick.settings.shop import LANGUAGES
from handpick.stages.score.boosts import compute_score_deviation
from handpick.stages.score.counterfactuals import (
    MIN_FALL,
    _remove_pairs,
    _remove_queries,
    find_counterfactuals,
)
from handpick.stages.score.explanation_templates import (
    ADVANTAGE_TEMPLATES,
    COMMON_TEMPLATES,
    FACT_TEMPLATES,
    REASON_TEMPLATES,
    TAG_NAMES,
    VERBS,
    choose_language,
    locate_in_country,
)
from handpick.stages.score.explanations import Cause, ExplanationWriter, ListRow, choose_cause
from handpick.stages.score.item_metadata import ScoringData
from handpick.stages.score.phone_comparison import PhoneComparer
from handpick.stages.score.rerank import PlacementSource
from handpick.stages.score.sheet_facts import read_sheet
from models.config import ContentConfig
from models.content import ContentBased
from models.dataset import Dataset, FloatArray, IntArray, StringArray
from models.recommender_interface import Factors
from models.topn.exact import find_top_n
from models.topn.pair_scores import compute_exact_scores
from tests.models.collaborative.shop import shop

from .conftest import AS_OF, DAY_SECONDS, ITEMS, USERS, MakeShop


def make_writer(shop: ScoringData, popular: Any = None, **settings: Any) -> ExplanationWriter:
    """Make a writer of English and Chinese reasons; by default no phone is popular anywhere."""
    popular = np.zeros((3, ITEMS), bool) if popular is None else popular
    return ExplanationWriter(shop, ("en", "zh"), "EUR", popular, ScoreSettings(**settings))


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
        cause = choose_cause(causes, row)
        anchor, query = cause.anchor, cause.query
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
    assert not causes.is_history.any() and not causes.is_owned.any()


def test_a_reason_names_the_phone_and_its_greatest_advantage_in_the_users_language(
    make_shop: MakeShop,
) -> None:
    weight = np.full(ITEMS, np.nan)
    weight[[5, 9]] = [160, 240]
    made = make_shop([(0, 9, "view"), (1, 9, "cart")], price=np.full(ITEMS, 300, np.float32))
    made = replace(made, numeric_specs={**made.numeric_specs, "weight_g": weight})
    writer = make_writer(made)
    assert writer.explain(ListRow(0, 5, PlacementSource.MODEL, ""), Cause(anchor=9)) == (
        "history",
        "like the Phone 9 you viewed, 80 g lighter",
    )
    assert writer.explain(ListRow(1, 5, PlacementSource.MODEL, ""), Cause(anchor=9)) == (
        "history",
        "与您加入购物车的 Phone 9 相似，轻 80 克",
    )
    far = np.full(ITEMS, 300, np.float32)
    far[9] = 900
    apart = make_writer(replace(make_shop([(0, 9, "view")], price=far), tags=(frozenset({"black"}),) * ITEMS))
    assert (
        apart.explain(ListRow(0, 6, PlacementSource.MODEL, ""), Cause(anchor=9))[1]
        == "because you viewed the Phone 9"
    ), "phones that share only a colour are not compared"


def test_what_is_not_known_is_not_said(make_shop: MakeShop) -> None:
    made = make_shop(price=np.full(ITEMS, np.nan, np.float32))
    assert PhoneComparer(made, "EUR").describe_similarity(0, 1, "en") == ""
    assert PhoneComparer(made, "EUR").describe_similarity(0, 4, "en") == "same brand"
    comparer = PhoneComparer(make_shop(), "EUR")
    assert comparer.describe_similarity(0, 4, "en") == "same brand, 200 EUR cheaper"
    assert comparer.describe_similarity(4, 0, "en") == "same brand", "dearer is no advantage"
    colors = replace(
        made, tags=(frozenset({"black", "compact"}),) * 2 + (frozenset({"black"}),) * (ITEMS - 2)
    )
    assert PhoneComparer(colors, "EUR").describe_similarity(0, 1, "en") == "also compact", "use before colour"
    assert PhoneComparer(colors, "EUR").describe_similarity(0, 2, "en") == "also black", "only a colour"


def test_comparisons_are_in_the_words_of_people(make_shop: MakeShop) -> None:
    camera = np.full(ITEMS, np.nan)
    camera[[0, 4]] = [108, 48]
    made = make_shop(price=np.full(ITEMS, np.nan, np.float32))
    comparer = PhoneComparer(
        replace(made, numeric_specs={**made.numeric_specs, "main_camera_mp": camera}), "EUR"
    )
    assert comparer.describe_similarity(0, 4, "en") == "same brand, 108 MP camera instead of 48"
    assert comparer.describe_similarity(0, 4, "zh") == "同一品牌，108 MP 摄像头，而不是 48 MP"
    assert comparer.describe_similarity(4, 0, "en") == "same brand"


def test_a_query_is_answered_with_facts_of_the_sheet_that_are_good_enough(make_shop: MakeShop) -> None:
    camera = np.linspace(10, 56, ITEMS)
    made = make_shop()
    night = read_sheet('{"main-camera": "50 MP, f/1.8, 1.4µm, PDAF, OIS", "body": "IP68 dust/water"}')
    made = replace(
        made,
        numeric_specs={**made.numeric_specs, "main_camera_mp": camera},
        sheets=(*(read_sheet("{}"),) * (ITEMS - 1), night),
    )
    comparer = PhoneComparer(made, "EUR")
    assert comparer.describe_answers(ITEMS - 1, "night camera", "en") == "1.4 µm pixels, OIS"
    assert comparer.describe_answers(ITEMS - 2, "a very good camera", "en") == "54 MP camera"
    assert comparer.describe_answers(0, "a very good camera", "en") == "", "10 MP are no good camera"
    assert comparer.describe_answers(ITEMS - 1, "no need for a fancy camera", "en") == ""
    assert comparer.describe_answers(4, "something under 300", "zh") == "300 EUR"
    assert comparer.describe_answers(5, "something under 300", "zh") == ""
    assert comparer.describe_answers(ITEMS - 1, "防水的手机", "zh") == "IP68"


def test_a_phone_in_the_cart_says_so_until_something_is_bought(make_shop: MakeShop) -> None:
    popular = np.ones((3, ITEMS), bool)
    for events, code in (
        ([(0, 5, "cart")], "cart"),
        ([], "range"),
        ([(0, 5, "cart"), (0, 7, "purchase")], "seen"),
        ([(0, 5, "view")], "seen"),
        ([(1, 5, "cart")], "range"),
    ):
        for origin in (PlacementSource.MODEL, PlacementSource.DIVERSITY):
            found = make_writer(make_shop(events), popular).explain(ListRow(0, 5, origin, ""))
            assert found[0] == code, events
    in_cart = make_shop([(0, 5, "cart")], is_consented=np.zeros(8, bool))
    assert make_writer(in_cart, popular).explain(ListRow(0, 5, PlacementSource.MODEL, ""))[0] == "range"


def test_popular_somewhere_needs_enough_people_there(make_shop: MakeShop) -> None:
    popular = np.ones((3, ITEMS), bool)
    row = ListRow(6, 5, PlacementSource.MODEL, "")
    twice = [(0, 5, "view"), (0, 5, "view"), (3, 5, "cart")]
    for people, sentence in ((2, "popular in Germany"), (3, "from our range")):
        writer = make_writer(make_shop(twice), popular, popular_min_people=people)
        assert writer.explain(row)[1] == sentence
    whole = make_writer(make_shop([*twice, (1, 5, "view")]), popular, popular_min_people=3)
    assert whole.explain(row)[1] == "popular with our customers"
    assert whole.explain(ListRow(7, 5, PlacementSource.MODEL, ""))[1] == "广受顾客欢迎"


def test_a_history_that_raised_the_score_is_named_by_what_most_of_it_shares(make_shop: MakeShop) -> None:
    seen = [(0, item, "view") for item in (0, 4, 9)]
    row, cause = ListRow(0, 12, PlacementSource.MODEL, ""), Cause(is_history=True)
    assert make_writer(make_shop(seen)).explain(row, cause) == (
        "profile",
        "Aurora, like 2 of the 3 phones you looked at",
    )
    assert make_writer(make_shop(seen)).explain(row)[0] == "range", "the score did not fall without it"
    assert make_writer(make_shop(seen[1:])).explain(row, cause)[0] == "model"


def test_a_strength_is_what_most_phones_at_the_price_have_less_of(make_shop: MakeShop) -> None:
    battery = np.arange(3000.0, 3000 + 100 * ITEMS, 100)
    made = make_shop(price=np.full(ITEMS, 300, np.float32))
    writer = make_writer(replace(made, numeric_specs={**made.numeric_specs, "battery_mah": battery}))
    assert writer.explain(ListRow(0, ITEMS - 1, PlacementSource.MODEL, "")) == (
        "strength",
        "5,300 mAh battery: more than 9 of 10 phones at its price",
    )
    assert writer.explain(ListRow(0, 3, PlacementSource.MODEL, ""))[0] == "range"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (ListRow(0, 1, PlacementSource.CAMPAIGN, "Spring"), ("campaign", "featured: Spring")),
        (ListRow(0, 1, PlacementSource.EXPLORATION, ""), ("exploration", "something different to discover")),
        (ListRow(0, 3, PlacementSource.LAUNCH, ""), ("launch", "new this week")),
        (ListRow(0, 1, PlacementSource.MODEL, ""), ("range", "from our range")),
        (ListRow(0, 2, PlacementSource.MODEL, ""), ("popular", "popular in Germany")),
        (ListRow(1, 2, PlacementSource.EXPLORATION, ""), ("exploration", "换个口味看看")),
        (ListRow(1, 2, PlacementSource.MODEL, ""), ("range", "本店在售")),
    ],
)
def test_a_phone_without_a_cause_says_what_put_it_there(
    make_shop: MakeShop, row: ListRow, expected: tuple[str, str]
) -> None:
    released = np.full(ITEMS, AS_OF - 100 * DAY_SECONDS, np.int64)
    released[3] = AS_OF - 2 * DAY_SECONDS
    made = make_shop([(3, 2, "view")], released_at=released)
    popular = np.zeros((3, ITEMS), bool)
    popular[made.countries[0].index("DE"), 2] = True
    assert make_writer(made, popular, popular_min_people=1).explain(row) == expected


def test_every_sentence_is_there_in_every_language_with_the_same_blanks() -> None:
    for templates in (
        REASON_TEMPLATES,
        ADVANTAGE_TEMPLATES,
        FACT_TEMPLATES,
        TAG_NAMES,
        VERBS,
        COMMON_TEMPLATES,
    ):
        assert set(templates) == {"en", "zh", "de", "fr", "es"}
        for language, sentences in templates.items():
            assert list(sentences) == list(templates["en"]), language
            for name, sentence in sentences.items():
                assert find_blanks(sentence) == find_blanks(templates["en"][name]), (language, name)
    # No language was filled up with another's sentences.
    used = Counter(text for language in LANGUAGES for text in REASON_TEMPLATES[language].values())
    assert {text for text, count in used.items() if count > 1} == {"{facts}", "popular {in_country}"}


def find_blanks(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name}


def test_a_user_reads_their_own_language_where_it_is_offered_else_the_first_one() -> None:
    assert [choose_language(code, ("en", "zh")) for code in ("zh-CN", "zh_TW", "en-GB", "fr", "")] == [
        "zh",
        "zh",
        "en",
        "en",
        "en",
    ]
    assert choose_language("zh", ("en",)) == "en"
    assert choose_language("en-GB", ("es", "fr")) == "es"


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", ["in India", "in the United Kingdom", "in the United States", "in Japan", "in XQ"]),
        ("de", ["in Indien", "im Vereinigten Königreich", "in den Vereinigten Staaten", "in Japan", "in XQ"]),
        ("fr", ["en Inde", "au Royaume-Uni", "aux États-Unis", "au Japon", "en XQ"]),
        ("es", ["en India", "en Reino Unido", "en Estados Unidos", "en Japón", "en XQ"]),
        ("zh", ["在印度", "在英国", "在美国", "在日本", "在XQ"]),
    ],
)
def test_a_country_is_named_as_the_readers_grammar_wants_it(language: str, expected: list[str]) -> None:
    assert [locate_in_country(code, language) for code in ("IN", "GB", "us", "JP", "XQ")] == expected


def test_no_country_takes_two_forms() -> None:
    for language in LANGUAGES:
        territories = Locale.parse(language).territories
        content = tomllib.loads(
            (files("handpick.stages.score") / f"languages/{language}.toml").read_text("utf-8")
        )
        named = [code for codes in content["in_country"].values() for code in codes]
        assert len(named) == len(set(named))
        assert set(named) <= set(territories)


@pytest.mark.parametrize(
    ("language", "strength", "profile", "popular"),
    [
        (
            "de",
            "5.300-mAh-Akku: mehr als 9 von 10 Handys dieser Preisklasse",
            "Dune, wie 2 der 3 Handys, die Sie angesehen haben",
            "beliebt in den Vereinigten Staaten",
        ),
        (
            "fr",
            "batterie de 5\u202f300 mAh\u00a0: plus que 9 téléphones sur 10 à ce prix",
            "Dune, comme 2 des 3 téléphones que vous avez consultés",
            "apprécié aux États-Unis",
        ),
        (
            "es",
            "batería de 5.300 mAh: más que 9 de cada 10 móviles de su precio",
            "Dune, como 2 de los 3 móviles que vio",
            "popular en Estados Unidos",
        ),
    ],
)
def test_whole_sentences_stand_in_the_readers_language(
    make_shop: MakeShop, language: str, strength: str, profile: str, popular: str
) -> None:
    battery = np.arange(3000.0, 3000 + 100 * ITEMS, 100)
    made = make_shop(
        [(0, 3, "view"), (0, 7, "view"), (0, 0, "view"), (3, 4, "view")],
        price=np.full(ITEMS, 300, np.float32),
        locale=np.full(USERS, f"{language}-XX"),
        country=np.full(USERS, "US"),
    )
    made = replace(made, numeric_specs={**made.numeric_specs, "battery_mah": battery})
    listed = np.zeros((1, ITEMS), bool)
    listed[0, 4] = True
    writer = ExplanationWriter(made, ("en", language), "EUR", listed, ScoreSettings(popular_min_people=1))
    rows = [(1, ITEMS - 1), (0, 11), (1, 4)]
    cause = Cause(is_history=True)
    assert [
        writer.explain(ListRow(user, item, PlacementSource.MODEL, ""), cause)[1] for user, item in rows
    ] == [
        strength,
        profile,
        popular,
    ]
