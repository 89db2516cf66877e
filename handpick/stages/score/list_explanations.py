"""Explains one user's list: what a score is made of, and why a phone is not on the list, to the last digit.

It reads what `list_facts` wrote, so it needs no model and milliseconds. Scores are summed as the top-N sums
them, so they are those of the lists.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from handpick.lake.partitions import Lake
from handpick.stages.score.boosts import add_boosts
from handpick.stages.score.list_tables import ABOUT_FILE, ARM, MASKS_FILE, PHONE_FACTS, USER_FACTS
from models.dataset import BoolArray, FloatArray
from models.recommender_interface import Factors
from models.topn.pair_scores import compute_exact_scores

KINDS, PAIRS = "kind_", "pairs_"
"""Start of the names of the columns that hold a user's kinds and single exclusions, by rule."""
RULE_TEXTS = {
    "in_stock": "it could not be sold on the day that the lists were made.",
    "brand_exclusions": "its brand is not recommended (rules.excluded_brands).",
    "country": "it is not sold where the user lives (rules.not_sold).",
    "consent": "it is restricted, and the user has not consented (rules.restricted_items).",
    "price_band": "its price is too far from those of the phones that the user owns and views.",
    "simple_phone": "it is among the dearest fifth, and the user's latest query asks for a phone that is "
    "simple to use.",
    "not_owned": "the user owns or has bought it, or another colour or memory size of it.",
    "not_returned": "the user has returned it.",
    "generation": "the user owns a later generation of its line.",
}
"""Why a rule excludes a phone, by its name."""


@dataclass(frozen=True)
class UserFacts:
    """What a user's list was made of.

    Args:
        user_id: Whose.
        source: Names of the models, or `popularity`.
        row: Further columns of `lists/user_facts`.
        factors: `(d,) float32`; None for lists by popularity.
    """

    user_id: str
    source: str
    row: Mapping[str, Any]
    factors: FloatArray | None


@dataclass(frozen=True)
class Absence:
    """Why a phone is not on a list.

    Args:
        reasons: Sentences: every rule that excludes it, or how its score stands to the list.
        rules: Names of these rules.
        score: Its score for the user.
        rank: Its place among the allowed phones by score, from 1; None where a rule excludes it.
        allowed: Number of phones that the rules allow the user.
    """

    reasons: tuple[str, ...]
    rules: tuple[str, ...]
    score: float
    rank: int | None
    allowed: int


class ListFacts:
    """The facts of the lists of one arm of a night; without experiments all users are in one arm.

    Args:
        users: Folder of the arm below `lists/user_facts`.
        phones: Folder of the arm below `lists/phone_facts`.
    """

    def __init__(self, users: Path, phones: Path) -> None:
        about = json.loads((phones / ABOUT_FILE).read_text(encoding="utf-8"))
        self.terms: list[tuple[str, int]] = [(name, width) for name, width in about["terms"]]
        self.item_modality_names: list[str] = about["item_modalities"]
        self.user_modality_names: list[str] = about["user_modalities"]
        self.score_settings: dict[str, Any] = about["score"]
        self.rule_settings: dict[str, Any] = about["rules"]
        table = pq.read_table(phones / "part-00000.parquet", memory_map=True)
        self.item_ids: list[str] = table["item_id"].to_pylist()
        self.titles: list[str] = table["title"].to_pylist()
        self.brand, self.model = (table[name].to_numpy() for name in ("brand", "model"))
        self.factors, self.popularity, self.boost, self.modalities = (
            _to_matrix(table[name]) for name in ("factors", "popularity", "boost", "modalities")
        )
        with np.load(phones / MASKS_FILE) as masks:
            self.masks: dict[str, BoolArray] = dict(masks)
        self._files = [pq.ParquetFile(file, memory_map=True) for file in sorted(users.glob("*.parquet"))]
        self._starts = [_read_first_users(file) for file in self._files]

    def find_item(self, item_id: str) -> int | None:
        """Return the row of a phone; None if the night did not know it."""
        at = bisect_left(self.item_ids, item_id)
        return at if at < len(self.item_ids) and self.item_ids[at] == item_id else None

    def find_user(self, user_id: str) -> UserFacts | None:
        """Return the facts of a user; None if the night made no list for them."""
        for file, starts in zip(self._files, self._starts, strict=True):
            group = bisect_left(starts, user_id)
            # The group that starts with the user, or the one before.
            group -= not (group < len(starts) and starts[group] == user_id)
            if group < 0:
                continue
            rows = file.read_row_group(group)
            ids = rows["user_id"].to_pylist()
            at = bisect_left(ids, user_id)
            if at < len(ids) and ids[at] == user_id:
                row = rows.slice(at, 1).to_pylist()[0]
                factors = row.pop("factors")
                return UserFacts(
                    user_id,
                    row.pop("source"),
                    row,
                    None if factors is None else np.array(factors, np.float32),
                )
        return None

    def split_scores(self, user: UserFacts, item_ids: Sequence[str]) -> dict[str, list[tuple[str, float]]]:
        """Return of each phone what each term of the blend adds to its score, the largest first.

        Args:
            user: The user.
            item_ids: The phones.

        Returns:
            `{item_id: [(term, its part)]}`; the parts add up to the score. Empty for lists by popularity.
        """
        if user.factors is None or not self.terms:
            return {}
        ends = np.cumsum([width for _, width in self.terms])
        found = {}
        for item_id in item_ids:
            item = self.find_item(item_id)
            if item is None:
                continue
            products = self.factors[item].astype(np.float64) * user.factors
            parts = [
                (name, float(products[end - width : end].sum()))
                for (name, width), end in zip(self.terms, ends.tolist(), strict=True)
            ]
            found[item_id] = sorted((part for part in parts if part[1]), key=lambda part: -abs(part[1]))
        return found

    def weigh_modalities(self, item_id: str) -> list[tuple[str, float]]:
        """Return how much each modality contributes to the fusion model's vector of a phone.

        Largest first; empty where no fusion model took part.
        """
        item = self.find_item(item_id)
        if item is None or not self.item_modality_names:
            return []
        return _sort_shares(self.item_modality_names, self.modalities[item].tolist())

    def weigh_user_modalities(self, user: UserFacts) -> list[tuple[str, float]]:
        """Return how much each modality contributes to the fusion model's vector of a user, likewise."""
        weights = user.row["modalities"]
        return [] if weights is None else _sort_shares(self.user_modality_names, weights)

    def find_barring_rules(self, user: UserFacts, item: int) -> list[str]:
        """Return the names of all rules that exclude a phone for a user, in the rules' order."""
        found = []
        for name, mask in self.masks.items():
            kind = user.row.get(f"{KINDS}{name}", 0)
            if mask[kind, item]:
                found.append(name)
        pairs = [name for name in user.row if name.startswith(PAIRS)]
        return found + [name.removeprefix(PAIRS) for name in pairs if item in user.row[name]]

    def compute_scores(self, user: UserFacts) -> tuple[FloatArray, FloatArray]:
        """Return `(items,)` scores as they are published, and those that decide the order, with boosts."""
        country = user.row["country"]
        if user.factors is None:
            factors = Factors(np.ones((1, 1), np.float32), self.popularity[:, [country]])
        else:
            factors = Factors(user.factors[None, :], self.factors)
        published = _score_all(factors)
        boosted = add_boosts(factors, self.boost.T[[country]], np.zeros(1, np.int64))
        return published, published if boosted is factors else _score_all(boosted)

    def find_allowed(self, user: UserFacts) -> BoolArray:
        """Return `(items,)` which phones the rules allow a user."""
        allowed = np.ones(len(self.item_ids), bool)
        for name, mask in self.masks.items():
            allowed &= ~mask[user.row.get(f"{KINDS}{name}", 0)]
        for name, value in user.row.items():
            if name.startswith(PAIRS):
                allowed[value] = False
        return allowed

    def explain_absence(
        self, user: UserFacts, item_id: str, rows: Sequence[Mapping[str, Any]]
    ) -> Absence | None:
        """Explain why a phone is not on a user's list.

        Args:
            user: The user.
            item_id: The phone.
            rows: The user's list by rank: `rank`, `item_id`, `score`, `placed_by`.

        Returns:
            The reasons; None if the night did not know the phone.
        """
        item = self.find_item(item_id)
        if item is None:
            return None
        scores, order = self.compute_scores(user)
        allowed = self.find_allowed(user)
        barred = self.find_barring_rules(user, item)
        score, count = float(scores[item]), int(allowed.sum())
        if barred:
            reasons = [f"Rule {name}: {self._describe_rule(name, user)}" for name in barred]
            return Absence(tuple(reasons), tuple(barred), score, None, count)
        # Equal scores go by the lower id.
        ahead = allowed & ((order > order[item]) | ((order == order[item]) & (np.arange(len(order)) < item)))
        rank = int(ahead.sum()) + 1
        rules, reasons = [], []
        listed = [place for row in rows if (place := self.find_item(row["item_id"])) is not None]
        twin = next((one for one in listed if self.model[one] == self.model[item]), None)
        maximum = self.rule_settings["max_per_brand"]
        same_brand = sum(self.brand[one] == self.brand[item] for one in listed)
        if twin is not None:
            at = next(row["rank"] for row in rows if row["item_id"] == self.item_ids[twin])
            reasons.append(
                f"Another colour or memory size of it, {self.titles[twin]}, is at place {at}; a list shows "
                "each model once."
            )
        elif maximum is not None and same_brand >= maximum and rank <= self.score_settings["candidates"]:
            rules.append("max_per_brand")
            reasons.append(
                f"Rule max_per_brand: {same_brand} phones of its brand are on the list, and {maximum} may be."
            )
        reasons.append(self._compare_score(score, rank, count, rows, user))
        return Absence(tuple(reasons), tuple(rules), score, rank, count)

    def _describe_rule(self, name: str, user: UserFacts) -> str:
        """Return why a rule excludes a phone, with the user's usual price where it decides."""
        usual, band = user.row["usual_price"], self.rule_settings["price_band"]
        if name == "price_band" and band is not None and usual is not None:
            return (
                f"its price is not within {band[0]:g} to {band[1]:g} times {usual:,.0f}, the usual price of "
                "the phones that the user owns and views."
            )
        return RULE_TEXTS.get(name, "it is excluded.")

    def _compare_score(
        self, score: float, rank: int, count: int, rows: Sequence[Mapping[str, Any]], user: UserFacts
    ) -> str:
        """Return how the score of an allowed phone stands to the list."""
        of = "popularity in the user's country" if user.factors is None else "score"
        said = f"By {of} it is number {rank:,} of the {count:,} phones that the rules allow, with {score:.3f}"
        if not rows:
            return f"{said}; the user has no list."
        last = rows[-1]
        said += f"; the last place of the list, {last['rank']}, has {last['score']:.3f}"
        if rank > self.score_settings["candidates"]:
            return f"{said}. Lists are made of the best {self.score_settings['candidates']}."
        others = [row for row in rows if row["score"] < score and row.get("placed_by") not in (None, "score")]
        if not others:
            return f"{said}."
        names = {"diversity": "diversity", "launch": "the launch bonus", "exploration": "exploration"}
        causes: dict[str, list[str]] = {}
        for row in others:
            causes.setdefault(names.get(row["placed_by"], row["placed_by"]), []).append(str(row["rank"]))
        given = "; ".join(f"{cause} gave away place {', '.join(places)}" for cause, places in causes.items())
        return f"{said}. Phones with lower scores are on it: {given}."


def read_list_facts(lake: Lake, day: date, user_id: str) -> tuple[ListFacts, UserFacts] | None:
    """Return what a user's list of a night was made of: the facts that it shares with others, and its own.

    None where the night made no list for the user; `has_list_facts` says whether it kept any facts.
    """
    users, phones = lake.partition(USER_FACTS, day), lake.partition(PHONE_FACTS, day)
    for own in sorted(users.glob(f"{ARM}*")):
        shared = phones / own.name
        facts = _load_list_facts(own, shared, users.stat().st_mtime_ns, phones.stat().st_mtime_ns)
        user = facts.find_user(user_id)
        if user is not None:
            return facts, user
    return None


def has_list_facts(lake: Lake, day: date) -> bool:
    """Return whether a night kept what its lists were made of; those of earlier releases did not."""
    return any(lake.partition(USER_FACTS, day).glob(f"{ARM}*"))


@lru_cache(maxsize=4)
def _load_list_facts(users: Path, phones: Path, *_changed: int) -> ListFacts:
    """Load facts once for each state of their partitions."""
    return ListFacts(users, phones)


def _score_all(factors: Factors) -> FloatArray:
    """Return `(items,)` the exact scores of one user."""
    items = np.arange(len(factors.items))
    return compute_exact_scores(factors.users, factors.items, np.zeros(len(items), np.int64), items)


def _to_matrix(column: Any) -> NDArray[np.float32]:
    """Return a column of lists of one size as a matrix; of no column where all are null."""
    whole = column.combine_chunks()
    if whole.null_count == len(whole):
        return np.zeros((len(whole), 0), np.float32)
    return np.asarray(whole.values.to_numpy(zero_copy_only=False), np.float32).reshape(len(whole), -1)


def _read_first_users(file: pq.ParquetFile) -> list[str]:
    """Return the first user of each row group, from the file's statistics."""
    about = file.metadata
    column = file.schema_arrow.names.index("user_id")
    return [
        str(about.row_group(group).column(column).statistics.min) for group in range(about.num_row_groups)
    ]


def _sort_shares(names: Sequence[str], weights: Sequence[float]) -> list[tuple[str, float]]:
    """Return names with their shares, largest first, without those of 0."""
    shares = [(name, weight) for name, weight in zip(names, weights, strict=True) if weight]
    return sorted(shares, key=lambda share: -share[1])
