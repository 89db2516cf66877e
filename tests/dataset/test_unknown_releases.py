"""Phones without a release date count as on sale since the shop's first sign of them."""

from __future__ import annotations

import numpy as np

from handpick.dataset.load import fill_unknown_releases
from models.dataset import DAY_SECONDS, Interactions


def test_phones_of_a_first_night_without_release_dates_were_on_sale_since_the_first_event() -> None:
    first_night, later = 100 * DAY_SECONDS, 130 * DAY_SECONDS
    events = Interactions(
        user=np.zeros(3, np.int64),
        item=np.array([0, 2, 3]),
        event_type=np.ones(3, np.int8),
        weight=np.ones(3, np.float32),
        at=np.array([40, 90, 120]) * DAY_SECONDS,
    )
    released = np.array([first_night, 7 * DAY_SECONDS, first_night, later, later])
    found = fill_unknown_releases(
        released,
        np.array([True, False, True, True, True]),
        np.array([first_night, first_night, first_night, later, later]),
        events,
    )
    # Known; of the first catalogue; seen later, but acted on before; seen later.
    assert (found // DAY_SECONDS).tolist() == [40, 7, 40, 120, 130]
