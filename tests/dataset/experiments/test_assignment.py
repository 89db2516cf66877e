"""Users are assigned by hashes: the same on every night, in shares as declared, exclusive within a layer."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from handpick.dataset.experiments.assignment import NOT_PART, assign_variants, name_assignments
from handpick.settings.experiments import ExperimentSettings
from models.dataset import Users
from tests.models.plain_users import build_plain_users


def make_users(count: int, prefix: str = "U") -> Users:
    return build_plain_users(
        [f"{prefix}{number}" for number in range(count)],
        np.array(["DE", "FR", "CN", "US"])[np.arange(count) % 4],
        np.array(["de-DE", "fr-FR"])[np.arange(count) % 2],
    )


def make_experiment(
    name: str = "one", shares: tuple[float, ...] = (0.5, 0.5), **keys: Any
) -> ExperimentSettings:
    variants = [{"name": f"v{place}", "share": share} for place, share in enumerate(shares)]
    dates = {"starts_on": date(2026, 3, 1), "ends_on": date(2026, 3, 28)}
    return ExperimentSettings(name=name, variants=variants, **{**dates, **keys})


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    weights=st.lists(st.integers(1, 9), min_size=2, max_size=4),
    share=st.floats(0.2, 1.0),
)
def test_shares_are_as_declared(seed: int, weights: list[int], share: float) -> None:
    shares = tuple(weight / sum(weights) for weight in weights)
    users = make_users(4000, prefix=f"{seed}-")
    experiment = make_experiment(shares=shares, share=share, seed=seed)
    found = assign_variants(experiment, users)
    counts = np.bincount(found + 1, minlength=len(shares) + 1)
    expected = 4000 * np.array([1 - share, *(share * one for one in shares)])
    kept = expected > 0
    # One in a million: the examples are drawn anew, and none may fail by chance.
    assert chisquare(counts[kept], expected[kept]).pvalue > 1e-6


def test_a_user_keeps_their_variant_whoever_else_there_is() -> None:
    many, few = make_users(300), make_users(40)
    experiment = make_experiment(shares=(0.2, 0.3, 0.5), share=0.7)
    assert (assign_variants(experiment, many)[:40] == assign_variants(experiment, few)).all()


def test_experiments_of_one_layer_share_no_user_and_fill_it() -> None:
    users = make_users(2000)
    first = assign_variants(make_experiment("first", share=0.4), users) != NOT_PART
    second = assign_variants(make_experiment("second", share=0.6, offset=0.4), users) != NOT_PART
    assert (first ^ second).all()


def test_layers_and_later_experiments_mix_evenly() -> None:
    users = make_users(8000)
    one = assign_variants(make_experiment("one"), users)
    for other in (
        make_experiment("two"),
        make_experiment("one", seed=1),
        make_experiment("two", layer="rules"),
    ):
        joint = np.bincount(2 * one + assign_variants(other, users), minlength=4)
        assert chisquare(joint).pvalue > 1e-4


def test_the_audience_is_by_country_locale_and_consent() -> None:
    users = make_users(40)
    consented = users.is_consented.copy()
    consented[:8] = False
    users = Users(**{**users.__dict__, "is_consented": consented})
    audience: dict[str, Any] = {"countries": ["FR", "US"], "locales": ["fr-FR"]}
    part = assign_variants(make_experiment(audience=audience), users) != NOT_PART
    assert set(users.country[part]) == {"FR", "US"}
    assert part.sum() == 16  # 20 users of these countries, 4 of them without consent
    audience = {**audience, "needs_consent": False}
    assert (assign_variants(make_experiment(audience=audience), users) != NOT_PART).sum() == 20


def test_names_of_several_experiments_are_joined() -> None:
    experiments = [make_experiment("b", layer="rules"), make_experiment("a")]
    variants = [np.array([0, 1, -1, -1]), np.array([1, -1, 0, -1])]
    names, chosen = name_assignments(experiments, variants, 4)
    assert names.tolist() == ["a+b", "b", "a", ""]
    assert chosen.tolist() == ["v1+v0", "v1", "v0", ""]


@pytest.mark.parametrize("shares", [(0.5, 0.4), (0.5, 0.6)])
def test_shares_must_add_up(shares: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="add up"):
        make_experiment(shares=shares)
