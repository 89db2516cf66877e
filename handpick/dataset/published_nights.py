"""Which night made each published list version."""

from __future__ import annotations

from datetime import date

from handpick.night import Night


def find_published_nights(night: Night) -> dict[str, date]:
    """Return the night of each published list version whose lists the lake still has, up to this night."""
    nights = {}
    for day in night.lake.list_dates("lists/recommendations", night.logical_date):
        earlier = Night(night.settings, day)
        if earlier.has_result("publish"):
            nights[str(earlier.result("publish").notes["version"])] = day
    return nights
