"""Measures experiments on the demo shop: 60 days of history, then 28 days that are looked at daily.

The shop is simulated once. An experiment without effect is another draw of its users, by the product's
assignment with another seed, so outcomes have the shop's own heterogeneity and the true difference is 0. An
effect is made by thinning: the variant's users did what was simulated, and of the control's purchases some
are dropped, with the probability at which its conversion is lower by the wanted amount. So the true effect is
known exactly, and differs for nobody but the control.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.optimize import brentq

from handpick.dataset.experiments.assignment import assign_variants
from handpick.dataset.experiments.measurement import ExposedUsers, compare_days, judge_looks
from handpick.demo import shop
from handpick.demo.customers import COUNTRIES, LOCALES, Customers
from handpick.demo.landing import DemoFolders
from handpick.demo.parameters import DEFAULT_END, Plan
from handpick.demo.sessions import CART, PURCHASE, RETURN, VIEW
from handpick.settings.experiments import ExperimentSettings
from models.dataset import Users
from models.experiments.differences import adjust_by_covariates, estimate_difference

RUNG, SMALL_RUNG, HISTORY_DAYS, DAYS = "M", "S", 60, 28
WITHOUT_EFFECT, WITH_EFFECT = 500, 100
RELATIVE, POINTS = 0.02, 0.02

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Simulated:
    """What the shop's customers did.

    Args:
        users: All of them.
        exposed: Those with a visit in the 28 days, and what they did then.
        covariates: `(exposed, k)` what was known of them before.
        hidden: `(exposed, k)` what nobody can know: how often they visit, and from when on.
    """

    users: Users
    exposed: ExposedUsers
    covariates: Doubles
    hidden: Doubles


def measure() -> dict[str, Any]:
    """Measure false calls and coverage at rung S, power and narrowing by past behaviour at rung M."""
    return {**measure_false_calls(simulate_shop(SMALL_RUNG)), **measure_power(simulate_shop(RUNG))}


def measure_false_calls(found: Simulated) -> dict[str, Any]:
    """Measure how many experiments without effect are called, and how many intervals cover the truth."""
    runs = [_run(found, found.exposed, number) for number in range(WITHOUT_EFFECT)]
    called = float(np.mean([run[0] for run in runs]))
    return {
        "experiments_without_effect": WITHOUT_EFFECT,
        "days": DAYS,
        "users_without_effect": len(found.exposed.variant),
        "called_without_effect": called,
        "covered_on_all_days": 1.0 - called,
        "covered_on_the_last_day": float(np.mean([run[1] for run in runs])),
    }


def measure_power(found: Simulated) -> dict[str, Any]:
    """Measure how many experiments with an effect are called, and by how much intervals are narrowed."""
    exposed, last = found.exposed, DAYS - 1
    bought = exposed.sum_until("purchases", last)
    conversion = float((bought > 0).mean())
    figures: dict[str, Any] = {
        "experiments_with_effect": WITH_EFFECT,
        "users": len(exposed.variant),
        "conversion": conversion,
    }
    # A relative lift is of the control's conversion.
    falls = {"percent": conversion * (1 - 1 / (1 + RELATIVE)), "points": POINTS}
    for name, fall in falls.items():
        kept = _find_kept_share(bought, fall)
        truth = conversion / (conversion - fall) - 1
        runs = [_run(found, exposed, WITHOUT_EFFECT + number, kept, truth) for number in range(WITH_EFFECT)]
        figures[f"true_lift_two_{name}"] = truth
        figures[f"found_two_{name}"] = float(np.mean([run[0] for run in runs]))
        figures[f"covered_two_{name}"] = float(np.mean([run[1] for run in runs]))
        days = [run[2] for run in runs if run[0]]
        figures[f"median_day_found_two_{name}"] = float(np.median(days)) if days else None
    for metric in ("conversion", "purchases", "revenue", "views"):
        outcome = exposed.compute_metric(metric, last)
        figures[f"narrowed_{metric}"] = _measure_narrowing(outcome, found.covariates)
        figures[f"narrowed_{metric}_by_hidden_truth"] = _measure_narrowing(outcome, found.hidden)
    return figures


def make_experiment(seed: int) -> ExperimentSettings:
    """Return an experiment of two halves over 28 nights."""
    halves = [{"name": "control", "share": 0.5}, {"name": "other", "share": 0.5, "is_holdout": True}]
    return ExperimentSettings.model_validate(
        {
            "name": "simulated",
            "starts_on": DEFAULT_END,
            "ends_on": DEFAULT_END + timedelta(days=DAYS - 1),
            "variants": halves,
            "seed": seed,
        }
    )


def _run(
    found: Simulated, exposed: ExposedUsers, seed: int, kept: float = 1.0, truth: float = 0.0
) -> tuple[bool, bool, int]:
    """Run an experiment.

    Args:
        found: The shop.
        exposed: Its exposed users.
        seed: Seed of the assignment.
        kept: Share of the control's purchases that are kept.
        truth: The true lift.

    Returns:
        Whether a difference was called on any day, whether the last interval covers the true lift, and the
        day of the first call, from 1.
    """
    experiment = make_experiment(seed)
    users = replace(exposed, variant=assign_variants(experiment, found.users))
    if kept < 1:
        random = np.random.default_rng([seed, 1])
        rows = exposed.counts["purchases"]
        is_control = users.variant[exposed.event_user] == 0
        thinned = np.where(is_control, random.binomial(rows.astype(np.int64), kept), rows)
        users = replace(users, counts={**exposed.counts, "purchases": thinned.astype(np.float64)})
    days = compare_days(experiment, users, found.covariates, DAYS - 1)[0]
    looks = judge_looks(days, DAYS, experiment.risk)
    low, high = days.differences[-1].find_lift_interval(float(looks.bounds[-1]))
    first = int(np.argmax(looks.is_called)) + 1
    return bool(looks.is_called.any()), bool(low <= truth <= high), first


def _find_kept_share(bought: Doubles, wanted: float) -> float:
    """Find the share of purchases to keep so that conversion falls by so much.

    Args:
        bought: `(users,)` purchases of each.
        wanted: The fall of the share of users with a purchase.
    """

    def exceed(kept: float) -> float:
        return float((bought > 0).mean() - (1 - (1 - kept) ** bought).mean()) - wanted

    return float(brentq(exceed, 0.5, 1.0))


def _measure_narrowing(outcome: Doubles, covariates: Doubles) -> float:
    """Return by which share covariates narrow the interval of a difference between two halves."""
    group = np.arange(len(outcome)) % 2
    adjusted = adjust_by_covariates(outcome, covariates, group)
    return estimate_difference(outcome, adjusted, group == 1, group == 0).narrowing


def simulate_shop(rung: str) -> Simulated:
    """Simulate the shop day by day, and count what its customers did."""
    customers, arrays = simulate_days(rung)
    return count_outcomes(customers, *arrays)


def simulate_days(rung: str) -> tuple[Customers, list[NDArray[Any]]]:
    """Return the shop's customers, and of all events user, kind, value and day."""
    days = HISTORY_DAYS + DAYS
    plan = Plan.ending(rung, 7, days, DEFAULT_END + timedelta(days=DAYS), "default", has_media=False)
    with tempfile.TemporaryDirectory() as folder:
        folders = DemoFolders.under(Path(folder))
        folders.landing.mkdir(parents=True)
        world = shop.open_shop(plan)
        parts = []
        for day in range(days):
            events = shop.run_day(world, folders, day)
            parts.append((events.user, events.kind, events.value, np.full(len(events), day)))
            shutil.rmtree(folders.landing / "events")  # gigabytes that nobody reads here
    return world.customers, [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]


def count_outcomes(
    customers: Customers,
    user: NDArray[np.int64],
    kind: NDArray[np.int64],
    value: Doubles,
    day: NDArray[np.int64],
) -> Simulated:
    """Count what customers did before and in the 28 days.

    Args:
        customers: All customers.
        user: `(events,)` row of the customer.
        kind: `(events,)` type of the event.
        value: `(events,)` price of a purchase.
        day: `(events,)` day of the shop.
    """
    # Users without consent are no part of an experiment's audience.
    counted = customers.consent[user] & (day >= HISTORY_DAYS)
    rows, place = np.unique(user[counted] * np.int64(DAYS) + day[counted] - HISTORY_DAYS, return_inverse=True)
    codes, event_user = np.unique(rows // DAYS, return_inverse=True)
    event_day = rows % DAYS
    counts: dict[str, Doubles] = {
        name: np.bincount(place, weights=kind[counted] == code, minlength=len(rows)).astype(np.float64)
        for name, code in (("views", VIEW), ("purchases", PURCHASE), ("returns", RETURN))
    }
    paid = np.where(kind[counted] == PURCHASE, np.nan_to_num(value[counted]), 0.0)
    counts["revenue"] = np.bincount(place, weights=paid, minlength=len(rows)).astype(np.float64)
    first = np.full(len(codes), DAYS)
    np.minimum.at(first, event_user, event_day)
    order = np.argsort(first, kind="stable")
    codes, first, event_user = codes[order], first[order], np.argsort(order)[event_user]
    names, none = pa.nulls(len(codes), pa.string()), np.zeros(len(codes), np.int64)
    exposed = ExposedUsers(names, none, first, False, event_user, event_day, counts)
    covariates = _count_history(user, kind, day, len(customers))[codes]
    active = np.maximum(customers.first_day - HISTORY_DAYS, 0)[codes]
    rate = customers.rate[codes]
    expected = rate * np.maximum(DAYS - active, 0)
    hidden = np.column_stack([rate, active, expected, 1 - np.exp(-expected), np.log1p(expected), covariates])
    ids = customers.ids()
    known = _make_users([ids[code] for code in codes], customers.country[codes], customers.consent[codes])
    return Simulated(known, exposed, covariates, hidden)


def _make_users(ids: list[str], country: NDArray[np.int64], consent: NDArray[np.bool_]) -> Users:
    """Return the customers as the product knows them, as far as an assignment reads."""
    count = len(ids)
    return Users(
        user_ids=np.array(ids),
        features=np.zeros((count, 0), np.float32),
        feature_names=(),
        country=np.array(COUNTRIES)[country],
        locale=np.array(LOCALES)[country],
        owned_item=np.full(count, -1, np.int64),
        signed_up_at=np.zeros(count, np.int64),
        is_consented=consent,
    )


def _count_history(
    user: NDArray[np.int64], kind: NDArray[np.int64], day: NDArray[np.int64], users: int
) -> Doubles:
    """Count each user's history as `mart_user_activity` does: by type of event and window of days."""
    columns = []
    for code in (VIEW, CART, PURCHASE):
        for since in (HISTORY_DAYS - 7, HISTORY_DAYS - 30, 0):
            rows = (kind == code) & (day >= since) & (day < HISTORY_DAYS)
            counted = np.bincount(user[rows], minlength=users).astype(np.float64)
            columns += [counted, np.log1p(counted)]
    before = day < HISTORY_DAYS
    last = np.zeros(users)
    np.maximum.at(last, user[before], day[before] + 1.0)
    since_last = np.where(last > 0, HISTORY_DAYS - last, 0.0)
    return np.column_stack([*columns, last > 0, since_last, np.log1p(since_last)])
