"""Explanations: why each phone is on a list, in one short sentence in the user's language."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from handpick.settings.score import ScoreSettings
from handpick.stages.score.counterfactuals import Counterfactuals
from handpick.stages.score.explanation_templates import (
    COMMA,
    REASON_TEMPLATES,
    TAG_NAMES,
    VERBS,
    choose_language,
    format_day,
    locate_in_country,
)
from handpick.stages.score.item_metadata import PURCHASE, ScoringData
from handpick.stages.score.phone_comparison import PhoneComparer
from handpick.stages.score.rerank import PlacementSource
from models.dataset import DAY_SECONDS, EVENT_TYPES, IntArray

MAX_QUOTED_CHARACTERS = 60
"""Characters of a query that are quoted."""
EVENTS_BY_STRENGTH = ("purchase", "cart", "rating", "view")
"""Event types that explanations name, the strongest sign of interest first."""
POPULAR_DAYS = 28
"""Days in which the people are counted who make a phone popular."""
NEW_DAYS = 7
"""Days since its release in which a phone is called new this week."""
MIN_ALIKE, MIN_ALIKE_SHARE = 2, 0.5
"""Smallest number and share of the phones that a user looked at which have what a reason names."""


@dataclass(frozen=True)
class ListRow:
    """One row of a list: user, phone, why it has its place, and the campaign that pinned it, if any."""

    user: int
    item: int
    origin: PlacementSource
    campaign: str


@dataclass(frozen=True)
class Cause:
    """What raised the score of one row, as the counterfactuals found it.

    Args:
        anchor: Phone of the user's history, -1 for none.
        query: Index of the query, -1 for none; at most one of the two is given.
        is_history: Whether the score falls without the whole history.
        is_owned: Whether it falls without the phone that the user owns by their account.
    """

    anchor: int = -1
    query: int = -1
    is_history: bool = False
    is_owned: bool = False


NO_CAUSE = Cause()


class ExplanationWriter:
    """Writes the explanations of a night's lists.

    Args:
        shop: The night's catalogue and users.
        locales: Languages that are offered.
        unit: Currency of the prices.
        popular: `(countries, items) bool`, phones on a country's popular list.
        settings: How many people make a phone popular, and how long a cart is remembered.
    """

    def __init__(
        self,
        shop: ScoringData,
        locales: tuple[str, ...],
        unit: str,
        popular: NDArray[np.bool_],
        settings: ScoreSettings,
    ) -> None:
        self.shop, self.popular = shop, popular
        self.languages = [choose_language(str(locale), locales) for locale in shop.data.users.locale]
        self.country_names, self.country = shop.countries
        self.comparer = PhoneComparer(shop, unit)
        self.events = _StrongestEvents(shop)
        self.carts = _find_carts(shop, settings.reason_cart_days)
        self.min_people = settings.popular_min_people
        self.people = _count_people(shop)
        self.compared: dict[tuple[int, int, str], tuple[bool, str]] = {}

    def explain(self, row: ListRow, cause: Cause = NO_CAUSE) -> tuple[str, str]:
        """Explain one row: reason code and sentence.

        What the user is about to buy comes first, then what raised the score, then facts of the phone, and
        only where there is none of these a general sentence.
        """
        language = self.languages[row.user]
        words = REASON_TEMPLATES[language]
        if row.origin is PlacementSource.CAMPAIGN:
            return "campaign", words["campaign"].format(campaign=row.campaign)
        is_known = bool(self.shop.data.users.is_consented[row.user])
        if is_known and (row.user, row.item) in self.carts:
            return "cart", words["cart"]
        if row.origin is PlacementSource.EXPLORATION:
            sentence = words["exploration_fact"].format(fact=words["strength"])
            fact = self.comparer.describe_strength(row.item, language, sentence)
            return "exploration", fact or words["exploration"]
        return (
            self._explain_cause(row, cause, words, language)
            or (self._explain_own_events(row, cause, words, language) if is_known else None)
            or self._explain_phone(row, words, language)
            or (
                ("model", words["model"]) if cause.is_history or cause.is_owned else ("range", words["range"])
            )
        )

    def _explain_cause(
        self, row: ListRow, cause: Cause, words: dict[str, str], language: str
    ) -> tuple[str, str] | None:
        """Name the query or the phone of the history without which the score falls."""
        if cause.query >= 0:
            return self._explain_query(row.item, cause.query, words, language)
        if cause.anchor >= 0:
            return "history", self._explain_history(row, cause.anchor, words)
        return None

    def _explain_query(self, item: int, query: int, words: dict[str, str], language: str) -> tuple[str, str]:
        """Quote the query with the facts that answer it, or name its kind where it has no text."""
        queries = self.shop.data.queries
        text = " ".join(str(queries.text[query]).split())
        if text:
            shown = (
                text
                if len(text) <= MAX_QUOTED_CHARACTERS
                else text[: MAX_QUOTED_CHARACTERS - 1].rstrip() + "…"
            )
            facts = self.comparer.describe_answers(item, text, language)
            return "query", words["query_facts" if facts else "query"].format(query=shown, facts=facts)
        is_picture = "image" in queries.modalities and bool(queries.modalities["image"].present[query])
        code = "query_image" if is_picture else "query_audio"
        return code, words[code]

    def _explain_history(self, row: ListRow, anchor: int, words: dict[str, str]) -> str:
        """Name the phone of the history and this one's advantage over it.

        The two are compared, and called alike, only where they share more than a colour.
        """
        language = self.languages[row.user]
        # Kept: many users have the same pair of phones, and a comparison formats several texts.
        key = (row.item, anchor, language)
        if key not in self.compared:
            self.compared[key] = (
                bool(self.comparer.describe_what_matters(row.item, anchor, language)),
                self.comparer.describe_advantage(row.item, anchor, language),
            )
        is_alike, better = self.compared[key]
        verb = VERBS[language][EVENTS_BY_STRENGTH[self.events.find(row.user, anchor)]]
        title = str(self.shop.title[anchor])
        if not is_alike:
            return words["history_other"].format(title=title, did=verb)
        return words["history"].format(
            title=title, did=verb, difference=COMMA[language] + better if better else ""
        )

    def _explain_own_events(
        self, row: ListRow, cause: Cause, words: dict[str, str], language: str
    ) -> tuple[str, str] | None:
        """Name what the user did: that they looked at this phone, at phones like it, or own another one."""
        at = self.events.find_time(row.user, row.item)
        if at is not None:
            day = datetime.fromtimestamp(at, UTC).date()
            return "seen", words["seen"].format(day=format_day(day, language))
        if cause.is_history and (text := self._describe_alike(row, words, language)):
            return "profile", text
        owned = int(self.shop.data.users.owned_item[row.user])
        if cause.is_owned and owned >= 0:
            difference = self.comparer.describe_advantage(row.item, owned, language)
            if difference and self.comparer.describe_what_matters(row.item, owned, language):
                return "owned", words["owned"].format(
                    title=str(self.shop.title[owned]), difference=difference
                )
        return None

    def _describe_alike(self, row: ListRow, words: dict[str, str], language: str) -> str:
        """Say what the phone shares with most of the phones that the user looked at; empty for nothing."""
        seen = self.events.list_items(row.user)
        need = max(MIN_ALIKE, int(np.ceil(MIN_ALIKE_SHARE * len(seen))))
        if len(seen) < need:
            return ""
        brand = self.shop.data.catalogue.brand
        same_brand = int((brand[seen] == brand[row.item]).sum()) if brand[row.item] else 0
        if same_brand >= need:
            return words["profile_brand"].format(brand=brand[row.item], count=same_brand, total=len(seen))
        counts = Counter(tag for item in seen.tolist() for tag in self.shop.tags[item])
        for tag in self.comparer.list_uses(row.item):
            if counts[tag] >= need:
                return words["profile_tag"].format(
                    tag=TAG_NAMES[language][tag], count=counts[tag], total=len(seen)
                )
        alike = sum(self.comparer.is_priced_alike(row.item, item) for item in seen.tolist())
        return words["profile_price"].format(count=alike, total=len(seen)) if alike >= need else ""

    def _explain_phone(self, row: ListRow, words: dict[str, str], language: str) -> tuple[str, str] | None:
        """Name a fact of the phone: new, popular where the user lives, strong at its price, popular."""
        if 0 <= int(self.shop.days_since_release[row.item]) < NEW_DAYS:
            return "launch", words["launch"]
        country = int(self.country[row.user])
        name = self.country_names[country]
        is_listed = bool(self.popular[country, row.item])
        if name and is_listed and self.people[country, row.item] >= self.min_people:
            return "popular", words["popular"].format(in_country=locate_in_country(name, language))
        if fact := self.comparer.describe_strength(row.item, language, words["strength"]):
            return "strength", fact
        if is_listed and self._people_everywhere[row.item] >= self.min_people:
            return "popular", words["popular_all"]
        return None

    @cached_property
    def _people_everywhere(self) -> IntArray:
        """`(items,)` people of all countries; of one person's country there is only one."""
        return np.asarray(self.people.sum(axis=0))


def choose_cause(counterfactuals: Counterfactuals, row: int) -> Cause:
    """Choose what raised a row's score: of query and phone of the history the stronger one."""
    is_query = (
        counterfactuals.query[row] >= 0
        and counterfactuals.query_fall[row] >= counterfactuals.anchor_fall[row]
    )
    return Cause(
        anchor=-1 if is_query else int(counterfactuals.anchor[row]),
        query=int(counterfactuals.query[row]) if is_query else -1,
        is_history=bool(counterfactuals.is_history[row]),
        is_owned=bool(counterfactuals.is_owned[row]),
    )


def explain_similarity(comparer: PhoneComparer, item: int, other: int, language: str) -> str:
    """Explain a similar phone: what `other` shares with `item` and where it is better."""
    facts = comparer.describe_similarity(other, item, language)
    words = REASON_TEMPLATES[language]
    return words["similar"].format(facts=facts) if facts else words["similar_other"]


def _find_carts(shop: ScoringData, days: int) -> set[tuple[int, int]]:
    """Find the phones that lie in carts: put there lately, by users who have bought nothing since."""
    events = shop.data.interactions
    bought = np.full(len(shop.data.users), np.iinfo(np.int64).min)
    is_purchase = events.event_type == PURCHASE
    np.maximum.at(bought, events.user[is_purchase], events.at[is_purchase])
    is_open = (
        (events.event_type == EVENT_TYPES.index("cart"))
        & (events.at >= shop.data.as_of - days * DAY_SECONDS)
        & (events.at > bought[events.user])
    )
    return set(zip(events.user[is_open].tolist(), events.item[is_open].tolist(), strict=True))


def _count_people(shop: ScoringData) -> IntArray:
    """Count who showed interest in each phone lately, by country: `(countries, items)`."""
    events = shop.data.interactions.positive()
    recent = events.where(events.at >= shop.data.as_of - POPULAR_DAYS * DAY_SECONDS)
    names, country = shop.countries
    items = len(shop.data.catalogue)
    # Each person once, however often they looked.
    pairs = np.unique(recent.user * items + recent.item)
    cells = country[pairs // items] * items + pairs % items
    return np.bincount(cells, minlength=len(names) * items).reshape(len(names), items)


class _StrongestEvents:
    """The strongest event type and the latest time of each user on each phone, by binary search in pairs."""

    def __init__(self, shop: ScoringData) -> None:
        events = shop.data.interactions.positive()
        strength = np.full(len(EVENT_TYPES), len(EVENTS_BY_STRENGTH) - 1, np.int8)
        for place, name in enumerate(EVENTS_BY_STRENGTH):
            strength[EVENT_TYPES.index(name)] = place
        self._items = len(shop.data.catalogue)
        pairs: IntArray = events.user.astype(np.int64) * self._items + events.item
        order = np.lexsort((strength[events.event_type], pairs))
        self._pairs, first, inverse = np.unique(pairs[order], return_index=True, return_inverse=True)
        self._strength = strength[events.event_type][order][first]
        self._latest = np.zeros(len(self._pairs), np.int64)
        np.maximum.at(self._latest, inverse, events.at[order])

    def find(self, user: int, item: int) -> int:
        """Return an index into `EVENTS_BY_STRENGTH`; the last where the user has no event on the phone."""
        place = self._find_place(user, item)
        return len(EVENTS_BY_STRENGTH) - 1 if place is None else int(self._strength[place])

    def find_time(self, user: int, item: int) -> int | None:
        """Return when the user last showed interest in the phone, seconds since 1970 UTC; None for never."""
        place = self._find_place(user, item)
        return None if place is None else int(self._latest[place])

    def list_items(self, user: int) -> IntArray:
        """Return the phones in which the user showed interest, ascending."""
        start, end = np.searchsorted(self._pairs, [user * self._items, (user + 1) * self._items])
        return np.asarray(self._pairs[start:end] - user * self._items)

    def _find_place(self, user: int, item: int) -> int | None:
        """Return the place of a pair, None where there is none."""
        pair = user * self._items + item
        place = int(np.searchsorted(self._pairs, pair))
        return place if place < len(self._pairs) and self._pairs[place] == pair else None
