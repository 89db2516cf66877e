"""The verdict on the shop as it is now, with what only this moment knows: failures and the database."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from handpick.errors import HandpickError
from handpick.night import Night, list_nights
from handpick.pipeline.alerts.failures import find_failures
from handpick.serving.embedded import is_embedded_alive
from handpick.serving.versions import ListVersion, list_versions
from handpick.settings.load import Settings
from handpick.stages.report.verdict import Verdict, judge_shop


class Judgement(NamedTuple):
    """The verdict, and the published versions that it is about, newest first."""

    verdict: Verdict
    versions: list[ListVersion]


def judge_now(settings: Settings, now: datetime) -> Judgement:
    """Judge the shop as it is; nothing is started or changed.

    Args:
        settings: All settings.
        now: The present, with a time zone.
    """
    nights = list_nights(settings)
    versions, problem = _read_versions(settings, has_nights=bool(nights))
    failed = find_failures(Night(settings, nights[-1])) if nights else []
    return Judgement(judge_shop(settings, nights, versions, now, problem=problem, failed=failed), versions)


def _read_versions(settings: Settings, *, has_nights: bool) -> tuple[list[ListVersion], str | None]:
    """Return the published versions, and why they could not be read."""
    if settings.serving.dsn is None:
        is_made = settings.path(settings.serving.embedded_path).is_dir()
        if not is_made and not has_nights:
            return [], None
        if is_made and not is_embedded_alive(settings):
            return [], (
                "the embedded PostgreSQL does not run, so consumers can read no lists; `handpick up` starts "
                "it, and so does every command that reads lists, such as `handpick versions`"
            )
    try:
        return list_versions(settings), None
    except HandpickError as error:
        return [], str(error)
