"""Measures the share of the oracle's NDCG that is attainable if tastes must be inferred from behaviour.

The oracle knows all users' tastes. The ideal learner here knows everything else: the phones' true attributes,
the distribution of tastes, how slates are made, how users choose and how they ask. It sees what the models
see, events and queries before the test window, and samples each user's tastes from the posterior (Metropolis
steps within blocks, all users in parallel). Its lists rank by the expected number of opens over those
samples; a model with the same inputs can beat them only by chance. Two things are approximated: that slates
do not repeat a phone, and the day within five days.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from benchmarks.fusion_model import SHOPS, K, Setup, compute_slice_ndcg, load_setup, make_oracle_lists
from handpick.dataset.oracle.expected_opens import POSITION_DECAY, RESERVE, TILT, compute_expected_opens
from handpick.dataset.oracle.utility import PRICE_WEIGHT
from handpick.demo import ground_truth
from handpick.demo.array_types import Floats
from handpick.demo.customers import BUDGET_SPREAD, MEAN_BUDGET, WEALTH, draw_archetypes
from handpick.demo.ground_truth import ShopState
from handpick.demo.phones import FINISHES, LAYOUTS
from handpick.demo.phrases import BUDGETS, PERSONAS, QUERY_PHRASES, SPECS
from handpick.demo.query_simulation import BUDGET_LEVELS, HUE_NOISE, HUES, PERSONA_SHARPNESS, SPEC_SHARPNESS
from handpick.demo.sessions import CART_CHANCE, CART_RESERVE
from handpick.demo.shop import OWNED_SINCE
from handpick.demo.utility import compute_shop_phone_factors, measure_scales
from models.topn.dense import find_top_n_of_scores

SWEEPS, STARTS, EVERY, CANDIDATE_SET_DAYS = 120, 60, 2, 5
BLOCKS = ("specs", "style", "persona", "hidden")
TRAITS = ("budget", "thrift", "fashion")
MOVES = (0.3, 0.6, 1.0)
SLICES = ("all", "query_only", "cold_item")
MISMATCH_PROBABILITY = 0.02
"""Probability of an attribute in a photo query that is not the user's preferred one."""
Person = dict[str, Any]


def measure() -> dict[str, Any]:
    """Measure the ideal learner's share of the oracle's NDCG@20 by slice, on each shop."""
    found = {}
    for shop in SHOPS:
        here = load_setup(shop)
        lists = find_top_n_of_scores(IdealLearner(here).scores(), K, here.test.exclude, here.test.candidates)
        best = make_oracle_lists(here, here.truth)
        for part in SLICES:
            share = compute_slice_ndcg(here, lists, part) / compute_slice_ndcg(here, best, part)
            found[f"{shop}{part}_share_of_oracle"] = share
    return found


class IdealLearner:
    """Samples every test user's tastes from the posterior, given their events and queries."""

    def __init__(self, here: Setup) -> None:
        self.here, self.past = here, here.test.past
        night = here.night
        self.world: ShopState = ground_truth.load(night.settings.path(night.settings.lake.truth))
        self.plan = self.world.plan
        ids = self.past.users.user_ids[here.test.users].tolist()
        self.people = len(ids)
        self.row = {user: number for number, user in enumerate(ids)}
        self.item = {item: number for number, item in enumerate(self.world.item_ids)}
        self.number = np.array([int(user[1:]) - 1 for user in ids])
        self.random = torch.Generator().manual_seed(1)
        self.sides = [self._side(day) for day in range(self.plan.days)]
        middles = [
            min(day + CANDIDATE_SET_DAYS // 2, self.plan.days - 1)
            for day in range(0, self.plan.days, CANDIDATE_SET_DAYS)
        ]
        self.candidate_sets = [torch.from_numpy(self.sides[day][0][self.sides[day][1]]) for day in middles]
        self._load_archetypes()
        self._load_events(str(night.lake.root / "clean"))
        self._load_owned()
        self._load_queries(str(night.lake.root / "clean"))

    def scores(self) -> Floats:
        """Return `(users, items)` expected opens, summed over the samples.

        They are those of the test window's first and last day.

        The start is the likeliest of `STARTS` draws from the prior; the first third of the sweeps is burn-in.
        """
        person = self._draw_prior()
        known = self.likelihood(person)
        for _ in range(STARTS):
            other = self._draw_prior()
            value = self.likelihood(other)
            person, known = _select_accepted(person, other, value > known), torch.maximum(value, known)
        total = np.zeros((self.people, len(self.past.catalogue)), np.float32)
        for sweep in range(SWEEPS):
            for change in self._proposals(sweep):
                other = {**person, **change(person)}
                value = self.likelihood(other)
                accepted = torch.rand(self.people, generator=self.random).log() < value - known
                person, known = _select_accepted(person, other, accepted), torch.where(accepted, value, known)
            if sweep >= SWEEPS // 3 and sweep % EVERY == 0:
                total += self._opens(person)
        return total

    def likelihood(self, person: Person) -> Tensor:
        """Return the `(users,)` log-likelihood of each user's events and queries."""
        side, constant, budget = self._person_side(person)
        total = torch.zeros(self.people)
        # Normalisers of the softmaxes over the phones on sale, by user and group of days.
        all_scores = [side @ items.T for items in self.candidate_sets]
        chosen_of = torch.stack([scores.logsumexp(1) for scores in all_scores])
        shown_of = torch.stack([(TILT * scores).logsumexp(1) for scores in all_scores])
        user, item, bucket = self.shown
        utility = (side[user] * item).sum(1)
        total.index_add_(0, user, TILT * utility - shown_of[bucket, user])
        opened = torch.sigmoid(utility + constant[user] - RESERVE)
        # Not opened: either not examined at its position, or examined and rejected.
        looked = torch.where(self.opened, (opened + 1e-9).log(), torch.log1p(-self.attention * opened))
        total.index_add_(0, user, looked)
        user, item, bucket = self.found
        total.index_add_(0, user, (side[user] * item).sum(1) - chosen_of[bucket, user])
        user, item, bucket = self.viewed
        cart = CART_CHANCE * torch.sigmoid((side[user] * item).sum(1) + constant[user] - CART_RESERVE)
        total.index_add_(0, user, torch.where(self.carted, (cart + 1e-9).log(), torch.log1p(-cart)))
        owners = side[self.owners] @ self.old.T
        own = owners.gather(1, self.own[:, None])[:, 0] - owners.logsumexp(1)
        total.index_add_(0, self.owners, own)
        return self._add_query_likelihood(person, budget, total)

    def _add_query_likelihood(self, person: Person, budget: Tensor, total: Tensor) -> Tensor:
        """Add the log-likelihood of the queries to `total` and return it."""
        noise = self.plan.difficulty_parameters.query_noise
        persona, specs, style = (self._taste(person, block) for block in ("persona", "specs", "style"))
        words = (1 - noise) * (PERSONA_SHARPNESS * persona).softmax(1) + noise / len(PERSONAS)
        wish = (SPEC_SHARPNESS * specs.abs()).softmax(1)
        up = (specs > 0).float()
        signed = torch.stack([wish * up, wish * (1 - up)], 2).flatten(1)
        signed = (1 - noise) * signed + noise / signed.shape[1]
        level = torch.searchsorted(torch.tensor(BUDGET_LEVELS), budget)
        money = (1 - noise) * one_hot(level, len(BUDGETS)) + noise / len(BUDGETS)
        for (user, stated), chance in zip(self.wishes, (words, signed, money), strict=True):
            total.index_add_(0, user, (chance[user, stated] + 1e-4).log())
        user, hue, is_round, layout, finish = self.photos
        away = torch.atan2(style[user, 1], style[user, 0]) - hue * 2 * np.pi / HUES
        away = torch.atan2(away.sin(), away.cos())  # back into (-pi, pi]
        near = _normal_cdf((away + np.pi / HUES) / HUE_NOISE) - _normal_cdf((away - np.pi / HUES) / HUE_NOISE)
        seen = ((1 - noise) * near + noise / HUES + 1e-6).log()
        for right in (
            (style[user, 2] > 0) == (is_round > 0),
            style[user, 3 : 3 + len(LAYOUTS)].argmax(1) == layout,
            style[user, 3 + len(LAYOUTS) :].argmax(1) == finish,
        ):
            seen = seen + torch.where(right, 0.0, float(np.log(MISMATCH_PROBABILITY)))
        return total.index_add_(0, user, seen)

    def _load_archetypes(self) -> None:
        kinds = draw_archetypes(self.plan)
        self.tables = {block: torch.from_numpy(getattr(kinds, block)).float() for block in BLOCKS}
        self.spread = {block: table.std(0, correction=0) + 1e-9 for block, table in self.tables.items()}
        self.scales = measure_scales(self.plan)
        country = self.world.customers.country[self.number]
        self.mean_budget = torch.from_numpy(MEAN_BUDGET + np.array(WEALTH)[country]).float()

    def _taste(self, person: Person, block: str) -> Tensor:
        shared = self.plan.difficulty_parameters.shared_taste
        kind, own = person[block]
        return shared**0.5 * self.tables[block][kind] + (1 - shared) ** 0.5 * self.spread[block] * own

    def _person_side(self, person: Person) -> tuple[Tensor, Tensor, Tensor]:
        """Return user factors as in `utility.user_factors`, the constant part of utility, and the budgets."""
        sharp = self.scales.sharpness
        thrift = PRICE_WEIGHT * (0.5 + _normal_cdf(person["thrift"])) * sharp
        budget = self.mean_budget + BUDGET_SPREAD * person["budget"]
        scales = (self.scales.specs, self.scales.image, self.scales.text, self.scales.hidden)
        blocks = [
            self._taste(person, block) * scale * sharp for block, scale in zip(BLOCKS, scales, strict=True)
        ]
        shared = torch.stack(
            [
                -thrift,
                2 * thrift * budget,
                torch.full_like(thrift, sharp),
                self.scales.fashion * _normal_cdf(person["fashion"]) * sharp,
            ],
            1,
        )
        return torch.cat([*blocks, shared], 1), -thrift * budget**2, budget

    def _draw_prior(self) -> Person:
        """Draw all users' tastes from the prior, as the demo shop does."""
        person: Person = {block: self._draw_block(block) for block in BLOCKS}
        return person | {trait: self._draw_noise(self.people) for trait in TRAITS}

    def _draw_block(self, block: str) -> tuple[Tensor, Tensor]:
        kinds, width = self.tables[block].shape
        which = torch.randint(kinds, (self.people,), generator=self.random)
        return which, self._draw_noise(self.people, width)

    def _draw_noise(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.random)

    def _proposals(self, sweep: int) -> list[Callable[[Person], Person]]:
        """Return Metropolis proposals that leave the prior invariant.

        For each block: another archetype, another archetype with a new individual part, or a move of the
        individual part.
        """
        # An autoregressive move, x' = keep x + size noise, leaves a standard normal prior invariant.
        size = MOVES[sweep % len(MOVES)]
        keep = (1 - size**2) ** 0.5

        def of_block(block: str) -> list[Callable[[Person], Person]]:
            return [
                lambda now: {block: (self._draw_block(block)[0], now[block][1])},
                lambda _: {block: self._draw_block(block)},
                lambda now: {
                    block: (
                        now[block][0],
                        keep * now[block][1] + size * self._draw_noise(*now[block][1].shape),
                    )
                },
            ]

        def of_trait(trait: str) -> Callable[[Person], Person]:
            return lambda now: {trait: keep * now[trait] + size * self._draw_noise(self.people)}

        return [change for block in BLOCKS for change in of_block(block)] + [of_trait(one) for one in TRAITS]

    def _side(self, day: int) -> tuple[Floats, Any]:
        euros, stock = self.world.inventory.as_of(day, len(self.world.phones))
        return compute_shop_phone_factors(self.plan, self.world.phones, np.log(euros), day), stock

    def _opens(self, person: Person) -> Floats:
        side, constant, _ = (part.numpy() for part in self._person_side(person))
        first = (datetime.fromtimestamp(self.past.as_of, UTC).date() - self.plan.first_date).days
        last = first + self.here.night.settings.evaluate.test_days - 1
        unknown = len(self.world.item_ids)  # a row that was corrupted on purpose has an item id of its own
        columns = [self.item.get(item, unknown) for item in self.past.catalogue.item_ids.tolist()]
        total = np.zeros((self.people, unknown + 1), np.float32)
        for day in (first, last):
            phones, stock = self.sides[day]
            total[:, np.flatnonzero(stock)] += compute_expected_opens(side, constant, phones[stock])
        return total[:, columns]

    def _load_events(self, clean: str) -> None:
        """Load impressions and which were opened, views from search, and views that led to a cart event."""
        events = duckdb.execute(
            f"""select user_id, item_id, event_type, position, shown_position, session_id,
            epoch(occurred_at) as at from '{clean}/interactions/*/*.parquet'
            where not is_bot and epoch(occurred_at) < {self.past.as_of}
            order by occurred_at, event_id"""
        ).df()
        events = events[events.user_id.isin(self.row) & events.item_id.isin(self.item)]
        visit = ["user_id", "session_id", "item_id"]
        shown, viewed = events[events.event_type == "impression"], events[events.event_type == "view"]
        self.shown, self.found = (
            self._index_events(shown),
            self._index_events(viewed[viewed.shown_position.isna()]),
        )
        self.opened = _is_in(shown[visit], viewed[viewed.shown_position.notna()][visit])
        self.attention = torch.from_numpy(
            (POSITION_DECAY ** (shown.position.fillna(1).to_numpy() - 1)).astype(np.float32)
        )
        once = viewed.drop_duplicates(visit)
        self.viewed, self.carted = (
            self._index_events(once),
            _is_in(once[visit], events[events.event_type == "cart"][visit]),
        )

    def _index_events(self, events: pd.DataFrame) -> tuple[Tensor, Tensor, Tensor]:
        """Return the user, the phone's vector on the day, and the candidate set's index, of each event."""
        day = ((events["at"].to_numpy() - self.plan.micros_of(0) / 1e6) // 86_400).astype(int)
        items = events.item_id.map(self.item).to_numpy()
        vectors = np.stack([self.sides[one][0][item] for one, item in zip(day, items, strict=True)])
        users = torch.from_numpy(events.user_id.map(self.row).to_numpy())
        return users, torch.from_numpy(vectors), torch.from_numpy(day // CANDIDATE_SET_DAYS)

    def _load_owned(self) -> None:
        old = np.flatnonzero(self.world.phones.launch_day < OWNED_SINCE)
        self.old = torch.from_numpy(
            compute_shop_phone_factors(
                self.plan, self.world.phones, self.world.phones.log_price, OWNED_SINCE
            )[old]
        )
        place = {self.world.item_ids[item]: number for number, item in enumerate(old)}
        owned = self.past.users.owned_item[self.here.test.users]
        ids = self.past.catalogue.item_ids
        pairs = [
            (user, place[str(ids[item])])
            for user, item in enumerate(owned)
            if item >= 0 and str(ids[item]) in place
        ]
        self.owners, self.own = _stack_columns(pairs, 2)

    def _load_queries(self, clean: str) -> None:
        """Load the requested attributes, parsed from the texts and from the demo's file names."""
        queries = duckdb.execute(
            f"""select user_id, coalesce(text, '') as text, coalesce(image_path, '') as image,
            coalesce(audio_path, '') as audio from '{clean}/queries/*/*.parquet'
            where epoch(occurred_at) < {self.past.as_of}"""
        ).df()
        names = {name: (0, number) for number, name in enumerate(PERSONAS)}
        names |= {
            spec + sign: (1, 2 * number + (sign == "-")) for number, spec in enumerate(SPECS) for sign in "+-"
        }
        names |= {name: (2, number) for number, name in enumerate(BUDGETS)}
        ways = [
            (way, names[wish])
            for wish, phrases in QUERY_PHRASES.items()
            for some in phrases.values()
            for way in some
        ]
        ways.sort(key=lambda way: -len(way[0]))  # the longest first: some phrases contain others
        wishes: list[list[tuple[int, int]]] = [[], [], []]
        photos = []
        for query in queries[queries.user_id.isin(self.row)].itertuples():
            user, text = self.row[query.user_id], str(query.text)
            for way, (kind, number) in ways:
                if way in text:
                    wishes[kind].append((user, number))
                    text = text.replace(way, "")
            for part in Path(str(query.audio)).name.rsplit("-", 3)[0].split("_"):
                name = part.replace("-high", "+").replace("-low", "-")
                if name in names:
                    wishes[names[name][0]].append((user, names[name][1]))
            if Path(str(query.image)).name.startswith("photo"):
                _, hue, shape, layout, finish, _ = Path(str(query.image)).stem.split("-")
                photos.append(
                    (user, int(hue), shape == "round", LAYOUTS.index(layout), FINISHES.index(finish))
                )
        self.wishes = [_stack_columns(some, 2) for some in wishes]
        self.photos = _stack_columns(photos, 5)


def _stack_columns(rows: list[Any], width: int) -> list[Tensor]:
    return list(torch.from_numpy(np.array(rows, np.int64).reshape(len(rows), width).T.copy()))


def _is_in(rows: pd.DataFrame, others: pd.DataFrame) -> Tensor:
    """Return for each row whether it is among the others."""
    found = pd.MultiIndex.from_frame(rows).isin(pd.MultiIndex.from_frame(others))
    return torch.from_numpy(np.asarray(found))


def _normal_cdf(values: Tensor) -> Tensor:
    """Return the standard normal distribution function."""
    return 0.5 * (1 + torch.erf(values / 2**0.5))


def _select_accepted(one: Any, other: Any, taken: Tensor) -> Any:
    """Return per user the proposal if it was accepted, else the current state."""
    if isinstance(one, dict):
        return {
            key: part if other[key] is part else _select_accepted(part, other[key], taken)
            for key, part in one.items()
        }
    if isinstance(one, tuple):
        return tuple(_select_accepted(a, b, taken) for a, b in zip(one, other, strict=True))
    return torch.where(taken if one.dim() == 1 else taken[:, None], other, one)
