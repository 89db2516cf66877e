"""Explanations: why each phone is on a list, in one short sentence in the user's language."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from handpick.stages.score.counterfactuals import Counterfactuals
from handpick.stages.score.explanation_templates import COMMA, REASON_TEMPLATES, VERBS, choose_language
from handpick.stages.score.item_metadata import ScoringData
from handpick.stages.score.phone_comparison import describe_advantage, describe_common, describe_comparison
from handpick.stages.score.rerank import PlacementSource
from models.dataset import EVENT_TYPES, IntArray

MAX_QUOTED_CHARACTERS = 60
"""Characters of a query that are quoted."""
EVENTS_BY_STRENGTH = ("purchase", "cart", "rating", "view")
"""Event types that explanations name, the strongest sign of interest first."""


@dataclass(frozen=True)
class ListRow:
    """One row of a list: user, phone, why it has its place, and the campaign that pinned it, if any."""

    user: int
    item: int
    origin: PlacementSource
    campaign: str


class ExplanationWriter:
    """Writes the explanations of a night's lists.

    Args:
        shop: The night's catalogue and users.
        locales: Languages that are offered.
        unit: Currency of the prices.
        popular: `(countries, items) bool`, phones on a country's popular list.
    """

    def __init__(
        self, shop: ScoringData, locales: tuple[str, ...], unit: str, popular: NDArray[np.bool_]
    ) -> None:
        self.shop, self.unit, self.popular = shop, unit, popular
        self.languages = [choose_language(str(locale), locales) for locale in shop.data.users.locale]
        self.country_names, self.country = shop.countries
        self.events = _StrongestEvents(shop)
        self.compared: dict[tuple[int, int, str], tuple[bool, str]] = {}

    def explain(self, row: ListRow, anchor: int = -1, query: int = -1) -> tuple[str, str]:
        """Explain one row.

        Args:
            row: The row.
            anchor: Phone of the user's history that raised the score, -1 for none.
            query: Index of the query that raised the score, -1 for none; at most one of the two is given.

        Returns:
            Reason code and sentence.
        """
        words = REASON_TEMPLATES[self.languages[row.user]]
        if row.origin is PlacementSource.CAMPAIGN:
            return "campaign", words["campaign"].format(campaign=row.campaign)
        if row.origin is PlacementSource.EXPLORATION:
            return "exploration", words["exploration"]
        if query >= 0:
            return self._explain_query(query, words)
        if anchor >= 0:
            return "history", self._explain_history(row, anchor, words)
        if row.origin is PlacementSource.LAUNCH:
            return "launch", words["launch"]
        if self.popular[self.country[row.user], row.item]:
            return "popular", self.explain_popularity(row.user)
        return "model", words["model"]

    def explain_popularity(self, user: int) -> str:
        """Say that a phone is popular where the user lives."""
        words, name = REASON_TEMPLATES[self.languages[user]], self.country_names[self.country[user]]
        return words["popular"].format(country=name) if name else words["popular_all"]

    def _explain_query(self, query: int, words: dict[str, str]) -> tuple[str, str]:
        """Quote the query, or name its kind where it has no text."""
        queries = self.shop.data.queries
        text = " ".join(str(queries.text[query]).split())
        if text:
            shown = (
                text
                if len(text) <= MAX_QUOTED_CHARACTERS
                else text[: MAX_QUOTED_CHARACTERS - 1].rstrip() + "…"
            )
            return "query", words["query"].format(query=shown)
        is_picture = "image" in queries.modalities and bool(queries.modalities["image"].present[query])
        code = "query_image" if is_picture else "query_audio"
        return code, words[code]

    def _explain_history(self, row: ListRow, anchor: int, words: dict[str, str]) -> str:
        """Name the phone of the history and this one's advantage over it.

        The sentence says "like" only where the two phones share something.
        """
        language = self.languages[row.user]
        # Kept: many users have the same pair of phones, and a comparison formats several texts.
        key = (row.item, anchor, language)
        if key not in self.compared:
            self.compared[key] = (
                bool(describe_common(self.shop, row.item, anchor, language)),
                describe_advantage(self.shop, row.item, anchor, language, self.unit),
            )
        is_alike, better = self.compared[key]
        verb = VERBS[language][EVENTS_BY_STRENGTH[self.events.find(row.user, anchor)]]
        title = str(self.shop.title[anchor])
        if not is_alike:
            return words["history_other"].format(title=title, did=verb)
        return words["history"].format(
            title=title, did=verb, difference=COMMA[language] + better if better else ""
        )


def choose_counterfactual(counterfactuals: Counterfactuals, row: int) -> tuple[int, int]:
    """Choose the stronger of a row's counterfactuals: `(anchor, query)`, the other one -1."""
    if (
        counterfactuals.query[row] >= 0
        and counterfactuals.query_fall[row] >= counterfactuals.anchor_fall[row]
    ):
        return -1, int(counterfactuals.query[row])
    return int(counterfactuals.anchor[row]), -1


def explain_similarity(shop: ScoringData, item: int, other: int, language: str, unit: str) -> str:
    """Explain a similar phone: what `other` shares with `item` and where it is better."""
    facts = describe_comparison(shop, other, item, language, unit)
    words = REASON_TEMPLATES[language]
    return words["similar"].format(facts=facts) if facts else words["similar_other"]


class _StrongestEvents:
    """The strongest event type of each user on each phone, by binary search in sorted pairs."""

    def __init__(self, shop: ScoringData) -> None:
        events = shop.data.interactions.positive()
        strength = np.full(len(EVENT_TYPES), len(EVENTS_BY_STRENGTH) - 1, np.int8)
        for place, name in enumerate(EVENTS_BY_STRENGTH):
            strength[EVENT_TYPES.index(name)] = place
        self._items = len(shop.data.catalogue)
        pairs: IntArray = events.user.astype(np.int64) * self._items + events.item
        order = np.lexsort((strength[events.event_type], pairs))
        self._pairs, first = np.unique(pairs[order], return_index=True)
        self._strength = strength[events.event_type][order][first]

    def find(self, user: int, item: int) -> int:
        """Return an index into `EVENTS_BY_STRENGTH`; the last where the user has no event on the phone."""
        pair = user * self._items + item
        place = int(np.searchsorted(self._pairs, pair))
        is_there = place < len(self._pairs) and self._pairs[place] == pair
        return int(self._strength[place]) if is_there else len(EVENTS_BY_STRENGTH) - 1
