"""Experiments that get into one another's way are errors that say how to put them right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from handpick.errors import ConfigurationError
from handpick.settings.load import load

CONTROL = {"name": "control", "share": 0.5}


def make(name: str, **keys: Any) -> dict[str, Any]:
    diverse = {"name": "diverse", "share": 0.5, "rerank": {"diversity": 0.4}}
    dates = {"starts_on": "2026-03-01", "ends_on": "2026-03-28"}
    return {"name": name, "variants": [CONTROL, diverse], **dates, **keys}


def test_experiments_share_a_layer_side_by_side_or_one_after_the_other(toml: Path) -> None:
    after = make("c", starts_on="2026-03-29", ends_on="2026-04-10")
    halves = [make("a", share=0.5), make("b", share=0.5, offset=0.5)]
    assert [one.name for one in load(experiments=[*halves, after]).experiments] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("experiments", "problem"),
    [
        (
            [make("a"), make("a", starts_on="2026-05-01", ends_on="2026-05-02")],
            "two experiments of the name a",
        ),
        ([make("a", share=0.6), make("b", share=0.5, offset=0.5)], "share users; set offset = 0.6 for b"),
        ([make("a"), make("b", layer="other")], "both change the rerank"),
        ([make("a", ends_on="2026-02-01")], "before it starts"),
        ([make("a", ends_on="2027-06-01")], "longer than 366 days"),
        ([make("a", share=0.6, offset=0.5)], "more than 1"),
        ([make("a", variants=[CONTROL, CONTROL])], "two variants of the name control"),
        ([make("a", variants=[CONTROL, {**CONTROL, "name": "b", "rerank": {"n": 5}}])], "may not change n"),
        (
            [make("a", variants=[CONTROL, {**CONTROL, "name": "b", "model": "als", "is_holdout": True}])],
            "more than one of model, blend and is_holdout",
        ),
        (
            [make("a", variants=[CONTROL, {**CONTROL, "name": "b", "blend": {"als": 0}}])],
            "weights of 0 or more",
        ),
        ([make("Spring Sale")], "pattern"),
    ],
)
def test_what_cannot_run_names_the_reason(
    toml: Path, experiments: list[dict[str, Any]], problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        load(experiments=experiments)
