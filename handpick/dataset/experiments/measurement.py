"""What an experiment came to by a night: estimates of every day so far, checks, and whether it is called.

Users count from their first exposure on, whatever they were served later: from the first impression of their
list, where the shop sends list versions back, else from their first visit. Neither can depend on the variant,
as nothing of it was seen before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from math import isfinite

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from handpick.dataset.experiments.actions import find_end, find_start, read_actions
from handpick.dataset.experiments.outcomes import LISTS, OUTCOMES, index_days, select_experiment
from handpick.night import Night
from handpick.settings.experiments import ExperimentSettings
from models.experiments.checks import compare_sample_ratio, compute_power, estimate_days
from models.experiments.differences import (
    Difference,
    adjust_by_covariates,
    compute_influence,
    correlate_looks,
    estimate_difference,
)
from models.experiments.spending import compute_bounds, find_smallest_risk, run_clock, spend_risk

RESULTS = "experiments/results"
ACTIVITY, USERS = "marts/mart_user_activity", "marts/dim_user"
ALL = "all"
COVERAGE, RETURNS = "coverage", "returns"
METRICS = ("conversion", "purchases", "revenue", "views", "list_conversion", RETURNS)
"""Numbers per user that are measured for all users; returns are a guardrail."""
CONFIDENCE_BOUND = 1.96
"""Bound of the intervals of slices and of metrics that decide nothing: 95 % for a single look."""
SCHEMA = pa.schema(
    [
        ("experiment", pa.string()),
        ("variant", pa.string()),
        ("metric", pa.string()),
        ("slice", pa.string()),
        ("event_date", pa.date32()),
        ("role", pa.string()),
        ("users", pa.int64()),
        ("control_users", pa.int64()),
        ("mean", pa.float64()),
        ("control_mean", pa.float64()),
        ("difference", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("lift", pa.float64()),
        ("lift_low", pa.float64()),
        ("lift_high", pa.float64()),
        ("p_value", pa.float64()),
        ("narrowed", pa.float64()),
        ("is_called", pa.bool_()),
        ("power", pa.float64()),
        ("days_needed", pa.float64()),
        ("sample_ratio_p", pa.float64()),
    ]
)
"""Columns of `experiments/results`.

`role` is `decides` for the metric of the settings over all users, which has a row for each day so far, and
whose interval holds on all days together; `shown` for other metrics and slices, `guardrail` for returns, both
with intervals for a single look, and for the last day only. `coverage`, also a guardrail, is the number of
different phones on the lists of the last night, without an interval.
"""


@dataclass(frozen=True)
class ExposedUsers:
    """The users who were exposed so far.

    Args:
        user_ids: `(users,)`, by the day of their first exposure.
        variant: `(users,)` index into the experiment's variants.
        first_day: `(users,)` day of the first exposure, from 0.
        by_list: Whether exposure is an impression of the list, and not only a visit.
        event_user: `(rows,)` user of each counted row.
        event_day: `(rows,)` its day.
        counts: `(rows,)` by name of `experiments/outcomes`.
    """

    user_ids: pa.Array
    variant: NDArray[np.int64]
    first_day: NDArray[np.int64]
    by_list: bool
    event_user: NDArray[np.int64]
    event_day: NDArray[np.int64]
    counts: dict[str, NDArray[np.float64]]

    def sum_until(self, name: str, day: int) -> NDArray[np.float64]:
        """Return what each user did from their first exposure up to and including a day: `(users,)`."""
        rows = (self.event_day <= day) & (self.event_day >= self.first_day[self.event_user])
        summed = np.bincount(self.event_user[rows], self.counts[name][rows], len(self.user_ids))
        return summed.astype(np.float64)

    def compute_metric(self, metric: str, day: int) -> NDArray[np.float64]:
        """Return a metric of each user up to and including a day: `(users,)`."""
        if metric == "conversion":
            return (self.sum_until("purchases", day) > 0).astype(np.float64)
        if metric == "list_conversion":
            return (self.sum_until("list_purchases", day) > 0).astype(np.float64)
        return self.sum_until(metric, day)


def measure_experiments(night: Night) -> pa.Table:
    """Measure all experiments that were started up to a night, as rows of `SCHEMA`.

    Raises:
        MissingPartition: If what users did was not collected.
    """
    actions = [one for one in read_actions(night.lake) if one.night <= night.logical_date]
    tables = []
    for experiment in night.settings.experiments:
        if find_start(actions, experiment.name) is None:
            continue
        end = find_end(actions, experiment.name)
        # Lists of the last night are seen on the day after it.
        last = min(night.logical_date, experiment.ends_on + timedelta(days=1))
        if end is not None:
            last = min(last, end.night)
        exposed = read_exposed(night, experiment, last)
        if exposed is not None:
            covariates = _read_covariates(night, experiment, exposed)
            slices = _read_slices(night, exposed, covariates)
            rows = list(measure_experiment(experiment, exposed, covariates, slices, last))
            rows += _measure_coverage(night, experiment, last - timedelta(days=1))
            tables.append(pa.Table.from_pylist(rows, SCHEMA))
    return pa.concat_tables(tables) if tables else SCHEMA.empty_table()


def read_exposed(night: Night, experiment: ExperimentSettings, last: date) -> ExposedUsers | None:
    """Read who was exposed to an experiment up to a day, and what they did; None if nobody was."""
    rows = night.lake.read_through(OUTCOMES, night.logical_date, since=experiment.starts_on)
    rows = rows.filter(
        pc.and_(
            pc.equal(rows["experiment"], experiment.name), pc.less_equal(rows["event_date"], pa.scalar(last))
        )
    )
    day = index_days(rows["event_date"], experiment)
    rows, day = rows.filter(pa.array(day >= 0)), day[day >= 0]
    if not len(rows):
        return None
    names = [one.name for one in experiment.variants]
    user_ids = pc.unique(rows["user_id"].combine_chunks()).sort()
    user = pc.index_in(rows["user_id"], user_ids).to_numpy().astype(np.int64)
    code = pc.index_in(rows["variant"], pa.array(names)).to_numpy().astype(np.int64)
    shown = rows["shown"].to_numpy()
    by_list = bool((shown > 0).any())
    is_exposure = shown > 0 if by_list else np.ones(len(rows), bool)
    first = np.full(len(user_ids), np.iinfo(np.int64).max)
    np.minimum.at(first, user[is_exposure], day[is_exposure])
    variant = np.zeros(len(user_ids), np.int64)
    variant[user] = code
    # Exposed users by the day of their first exposure, and where each of all users is among them.
    order = np.argsort(first, kind="stable")[: int((first < np.iinfo(np.int64).max).sum())]
    place = np.full(len(user_ids), -1)
    place[order] = np.arange(len(order))
    kept = place[user] >= 0
    counts = {
        name: rows[name].to_numpy().astype(np.float64)[kept]
        for name in ("views", "purchases", "returns", "list_views", "list_purchases", "revenue")
    }
    return ExposedUsers(
        user_ids.take(pa.array(order)),
        variant[order],
        first[order],
        by_list,
        place[user[kept]],
        day[kept],
        counts,
    )


def measure_experiment(
    experiment: ExperimentSettings,
    exposed: ExposedUsers,
    covariates: NDArray[np.float64] | None,
    slices: dict[str, NDArray[np.bool_]],
    last: date,
) -> Iterator[dict[str, object]]:
    """Yield the rows of an experiment.

    Args:
        experiment: The experiment.
        exposed: Its users, and what they did.
        covariates: `(users, k)` of what was known of them before it began; None for no adjustment.
        slices: Masks of users by name of the slice.
        last: The last day to measure.
    """
    day = (last - experiment.starts_on).days - 1
    users = np.bincount(exposed.variant, minlength=len(experiment.variants)).tolist()
    ratio = compare_sample_ratio(users, [one.share for one in experiment.variants])
    by_day = compare_days(experiment, exposed, covariates, day)
    everybody = slice(None)
    for code, variant in list(enumerate(experiment.variants))[1:]:
        base = {"experiment": experiment.name, "variant": variant.name, "sample_ratio_p": ratio}
        yield from _decide(experiment, by_day[code - 1], base)
        for metric in METRICS:
            if metric != experiment.metric:
                found = _compare(experiment, exposed, metric, day, covariates, everybody)[code - 1]
                role = "guardrail" if metric == RETURNS else "shown"
                yield _make_row(base, metric, ALL, last, role, found, CONFIDENCE_BOUND)
        for name, mask in slices.items():
            found = _compare(experiment, exposed, experiment.metric, day, covariates, mask)[code - 1]
            yield _make_row(base, experiment.metric, name, last, "shown", found, CONFIDENCE_BOUND)


@dataclass(frozen=True)
class Days:
    """A variant compared with the control on every day so far.

    Args:
        differences: One for each day.
        correlation: `(days,)` of each day's difference with that of the day before; 0 on the first day with
            one, NaN where there is none.
    """

    differences: list[Difference]
    correlation: NDArray[np.float64]


def compare_days(
    experiment: ExperimentSettings,
    exposed: ExposedUsers,
    covariates: NDArray[np.float64] | None,
    day: int,
) -> list[Days]:
    """Compare the deciding metric of each variant but the control with that of the control, up to a day."""
    others = range(1, len(experiment.variants))
    differences: list[list[Difference]] = [[] for _ in others]
    correlations: list[list[float]] = [[] for _ in others]
    before: list[NDArray[np.float64] | None] = [None for _ in others]
    for at in range(day + 1):
        # Users are sorted by their first day, so that each day's are a view and not a copy.
        users = slice(int(np.searchsorted(exposed.first_day, at, "right")))
        group = exposed.variant[users]
        outcome, adjusted = _adjust(exposed, experiment.metric, at, covariates, users)
        for place, code in enumerate(others):
            variant, control = group == code, group == 0
            found = estimate_difference(outcome, adjusted, variant, control)
            differences[place].append(found)
            if not found.error > 0:  # also where it is not known
                correlations[place].append(float("nan"))
                continue
            influence = compute_influence(adjusted, variant, control)
            earlier = before[place]
            correlations[place].append(0.0 if earlier is None else correlate_looks(earlier, influence))
            before[place] = influence
    return [
        Days(one, np.array(correlation)) for one, correlation in zip(differences, correlations, strict=True)
    ]


def _adjust(
    exposed: ExposedUsers,
    metric: str,
    day: int,
    covariates: NDArray[np.float64] | None,
    users: NDArray[np.bool_] | slice,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a metric of some users up to a day, as counted and adjusted by the covariates."""
    outcome = exposed.compute_metric(metric, day)[users]
    known = None if covariates is None else covariates[users]
    return outcome, adjust_by_covariates(outcome, known, exposed.variant[users])


def _compare(
    experiment: ExperimentSettings,
    exposed: ExposedUsers,
    metric: str,
    day: int,
    covariates: NDArray[np.float64] | None,
    users: NDArray[np.bool_] | slice,
) -> list[Difference]:
    """Return the difference of each variant but the control from it, on some users up to a day."""
    outcome, adjusted = _adjust(exposed, metric, day, covariates, users)
    group = exposed.variant[users]
    codes = range(1, len(experiment.variants))
    return [estimate_difference(outcome, adjusted, group == code, group == 0) for code in codes]


@dataclass(frozen=True)
class Looks:
    """What every day's look at a difference came to.

    Args:
        bounds: `(days,)` how many standard errors the interval of each day is wide on either side.
        z: `(days,)` difference divided by its standard error.
        clock: `(days,)` time of each look (`run_clock`).
        share: `(days,)` share of the planned days.
    """

    bounds: NDArray[np.float64]
    z: NDArray[np.float64]
    clock: NDArray[np.float64]
    share: NDArray[np.float64]

    @property
    def is_called(self) -> NDArray[np.bool_]:
        """`(days,)` whether that day's interval leaves out 0."""
        return np.asarray(np.abs(self.z) > self.bounds)

    def find_final_bound(self, risk: float) -> float:
        """Return the bound of the planned last day, if the experiment goes on at the present pace."""
        looks, planned = len(self.clock), round(len(self.share) / self.share[-1])
        rest = np.arange(looks + 1, planned + 1) / looks
        clock = np.concatenate([self.clock, self.clock[-1] * rest])
        bound = float(compute_bounds(clock, spend_risk((np.arange(planned) + 1.0) / planned, risk))[-1])
        return bound if isfinite(bound) else CONFIDENCE_BOUND


def judge_looks(days: Days, planned: int, risk: float) -> Looks:
    """Judge the differences of all days so far.

    Args:
        days: The differences.
        planned: Days that are planned.
        risk: Probability of calling a difference by chance on any of them.
    """
    share = (np.arange(len(days.differences)) + 1.0) / planned
    clock = run_clock(days.correlation)
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.nan_to_num([one.difference / one.error if one.error else np.nan for one in days.differences])
    return Looks(compute_bounds(clock, spend_risk(share, risk)), z, clock, share)


def _decide(
    experiment: ExperimentSettings, days: Days, base: dict[str, object]
) -> Iterator[dict[str, object]]:
    """Yield a row for each day of the deciding metric, with intervals that hold on all of them."""
    planned, others = (experiment.ends_on - experiment.starts_on).days + 1, len(experiment.variants) - 1
    risk = experiment.risk / others
    looks = judge_looks(days, planned, risk)
    for day, one in enumerate(days.differences):
        last = experiment.starts_on + timedelta(days=day + 1)
        row = _make_row(base, experiment.metric, ALL, last, "decides", one, float(looks.bounds[day]))
        row["is_called"] = bool(looks.is_called[: day + 1].any())
        if day + 1 == len(days.differences):
            row["p_value"] = min(1.0, find_smallest_risk(looks.z, looks.clock, looks.share) * others)
            final, at_end = looks.find_final_bound(risk), one.lift_error * np.sqrt((day + 1) / planned)
            row["power"] = compute_power(experiment.min_effect, at_end, final)
            needed = estimate_days(experiment.min_effect, one.lift_error, day + 1, final)
            row["days_needed"] = needed if isfinite(needed) else None
        yield row


def _make_row(
    base: dict[str, object], metric: str, name: str, day: date, role: str, found: Difference, bound: float
) -> dict[str, object]:
    """Return a row with an interval of the given bound; null where there is nothing to say."""

    def known(value: float) -> float | None:
        return value if isfinite(value) else None

    lift_low, lift_high = found.find_lift_interval(bound)
    return {
        **base,
        "metric": metric,
        "slice": name,
        "event_date": day,
        "role": role,
        "users": found.users,
        "control_users": found.control_users,
        "mean": known(found.mean),
        "control_mean": known(found.control_mean),
        "difference": known(found.difference),
        "low": known(found.difference - bound * found.error),
        "high": known(found.difference + bound * found.error),
        "lift": known(found.lift),
        "lift_low": known(lift_low),
        "lift_high": known(lift_high),
        "narrowed": known(found.narrowing),
    }


def _measure_coverage(night: Night, experiment: ExperimentSettings, day: date) -> Iterator[dict[str, object]]:
    """Yield on how many phones the lists of each variant and of the control fall on a night.

    More lists hold more phones, so both are the expected numbers on as many rows as the smaller side has.
    """
    if not night.lake.has(LISTS, day):
        return
    columns = ["user_id", "item_id", "experiment", "variant"]
    rows = select_experiment(night.lake.read(LISTS, day, columns), experiment.name)
    sides = [rows.filter(pc.equal(rows["variant"], one.name)) for one in experiment.variants]
    counts = [pc.value_counts(side["item_id"]).field("counts").to_numpy() for side in sides]
    for place, variant in list(enumerate(experiment.variants))[1:]:
        size = min(counts[0].sum(), counts[place].sum())
        if not size:
            continue
        mean, control = (
            float((1 - (1 - one / one.sum()) ** size).sum()) for one in (counts[place], counts[0])
        )
        yield {
            "experiment": experiment.name,
            "variant": variant.name,
            "metric": COVERAGE,
            "slice": ALL,
            "event_date": day,
            "role": "guardrail",
            "users": pc.count_distinct(sides[place]["user_id"]).as_py(),
            "control_users": pc.count_distinct(sides[0]["user_id"]).as_py(),
            "mean": mean,
            "control_mean": control,
        }


def _read_covariates(
    night: Night, experiment: ExperimentSettings, exposed: ExposedUsers
) -> NDArray[np.float64] | None:
    """Return what was known of the users before the experiment: `(users, k)`; None where nothing is kept.

    Their activity of the last week, the last month and before, as of the first night, and whether they had
    signed up. Nobody had seen a list of the experiment by then.
    """
    if not night.lake.has(ACTIVITY, experiment.starts_on):
        return None
    activity = night.lake.read(ACTIVITY, experiment.starts_on)
    place = pc.index_in(exposed.user_ids, activity["user_id"].combine_chunks())
    is_known = pc.is_valid(place).to_numpy(zero_copy_only=False)
    columns = [is_known.astype(np.float64)]
    for name in activity.column_names:
        if "_count_" not in name and name != "days_since_last_event":
            continue
        values = pc.fill_null(activity[name].cast(pa.float64()).combine_chunks().take(place), 0.0).to_numpy()
        # Logarithms too: the tenth event foretells less than the first.
        columns += [values, np.log1p(np.maximum(values, 0.0))]
    return np.stack(columns, axis=1)


def _read_slices(
    night: Night, exposed: ExposedUsers, covariates: NDArray[np.float64] | None
) -> dict[str, NDArray[np.bool_]]:
    """Return masks of the users by country, and by whether they were active before the experiment."""
    found = {}
    if night.lake.has(USERS, night.logical_date):
        users = night.lake.read(USERS, night.logical_date, ["user_id", "country"])
        place = pc.index_in(exposed.user_ids, users["user_id"].combine_chunks())
        country = pc.fill_null(users["country"].cast(pa.string()).combine_chunks().take(place), "unknown")
        names = np.array(country.to_pylist(), dtype=str)
        found = {f"country {name}": names == name for name in np.unique(names).tolist()}
    if covariates is not None:
        had_acted = (covariates[:, 1:] > 0).any(axis=1)
        found |= {"active before": had_acted, "new or silent before": ~had_acted}
    return found
