"""Assignment of users to variants by hashes of their ids: stable over nights, exclusive within a layer.

Two hashes decide, as in Tang, Agarwal, O'Brien and Meyer, "Overlapping experiment infrastructure: more,
better, faster experimentation", KDD 2010: one of the layer and the user says which experiment of the layer a
user belongs to, and one of the experiment and the user which of its variants. So the experiments of a layer
share no user, and an experiment that follows another on the same users mixes the earlier variants evenly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from handpick.settings.experiments import Audience, ExperimentSettings
from models.dataset import BoolArray, IntArray, StringArray, Users

NOT_PART = -1
"""Stands for the variant of users who are not part of an experiment."""


def draw_positions(user_ids: StringArray, *purpose: str | int) -> NDArray[np.float64]:
    """Draw a number in [0, 1) for each user: `(users,)`, the same on every night and for any other users.

    Args:
        user_ids: `(users,)`.
        purpose: What is drawn for; other purposes give independent numbers.
    """
    key = hashlib.blake2b("\0".join(map(str, purpose)).encode(), digest_size=32).digest()
    digests = (hashlib.blake2b(str(user).encode(), digest_size=8, key=key).digest() for user in user_ids)
    whole = np.frombuffer(b"".join(digests), dtype="<u8")
    # The upper 53 bits are what a float64 can hold.
    return (whole >> np.uint64(11)).astype(np.float64) / 2.0**53


def assign_variants(experiment: ExperimentSettings, users: Users) -> IntArray:
    """Assign each user their variant.

    Args:
        experiment: The experiment.
        users: All users.

    Returns:
        `(users,)` indices into `experiment.variants`; `NOT_PART` for users who are not part of it.
    """
    found = np.full(len(users), NOT_PART, np.int64)
    rows = np.flatnonzero(find_audience(experiment.audience, users))
    # Of the layer, not of the experiment: the same users whatever experiment has the place.
    place = draw_positions(users.user_ids[rows], "layer", experiment.layer)
    rows = rows[(place >= experiment.offset) & (place < experiment.offset + experiment.share)]
    drawn = draw_positions(users.user_ids[rows], "variant", experiment.name, experiment.seed)
    edges = np.cumsum([variant.share for variant in experiment.variants])[:-1]
    found[rows] = np.searchsorted(edges, drawn, side="right")
    return found


def find_audience(audience: Audience, users: Users) -> BoolArray:
    """Find the users who may take part: `(users,)`."""
    found = np.ones(len(users), bool)
    if audience.countries:
        found &= np.isin(users.country, audience.countries)
    if audience.locales:
        found &= np.isin(users.locale, audience.locales)
    if audience.needs_consent:
        found &= users.is_consented
    return found


def name_assignments(
    experiments: Sequence[ExperimentSettings], variants: Sequence[IntArray], users: int
) -> tuple[StringArray, StringArray]:
    """Name each user's experiments and variants, joined by `+` in the order of the names of experiments.

    Args:
        experiments: Those that run.
        variants: `(users,)` each, from `assign_variants`.
        users: Number of users.

    Returns:
        `(users,)` each; empty for users who are part of none.
    """
    names, chosen = np.full(users, "", object), np.full(users, "", object)
    order = sorted(range(len(experiments)), key=lambda place: experiments[place].name)
    for place in order:
        experiment, variant = experiments[place], variants[place]
        for code, one in enumerate(experiment.variants):
            for row in np.flatnonzero(variant == code).tolist():
                joint = "+" if names[row] else ""
                names[row] += joint + experiment.name
                chosen[row] += joint + one.name
    return names.astype(str), chosen.astype(str)
