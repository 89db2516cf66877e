"""Chooses the night to run next: the newest day for which input has arrived, unless it is done."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from handpick.contracts import CONTRACTS
from handpick.errors import InputError
from handpick.night import Night
from handpick.pipeline.registry import list_nightly_names
from handpick.settings.load import Settings
from handpick.stages.land.pending_files import find_newest_file_day, get_source_folder
from handpick.stages.land.remote_files import is_remote_url


def choose_night(settings: Settings) -> date:
    """Return the newest day for which input has arrived.

    A night that failed half-way is not done and is chosen again.

    Raises:
        InputError: If that night is done, or there is no input at all; says where it looked.
    """
    newest = find_newest_input_day(settings)
    if is_night_done(settings, newest):
        raise InputError(
            f"nothing new has arrived: the night of {newest} is done, and no file is of a later day; looked "
            f"in {describe_places(settings)}. The published lists stay current; add the next day's files, "
            f"or run that night again with --date {newest}."
        )
    return newest


def is_night_done(settings: Settings, logical_date: date) -> bool:
    """Return whether every stage of a night has finished.

    The last stage alone tells nothing: each can be run by itself.
    """
    night = Night(settings, logical_date)
    return all(night.has_result(stage) for stage in list_nightly_names())


def has_configured_sources(settings: Settings) -> bool:
    """Return whether `handpick.toml` says where the rows of any source come from."""
    sources = [settings.sources.of(source) for source in CONTRACTS]
    return any(source.path or source.url is not None for source in sources)


def has_landing_files(settings: Settings) -> bool:
    """Return whether any source has a file to land."""
    return any(find_newest_file_day(settings, source) is not None for source in CONTRACTS)


def find_newest_input_day(settings: Settings) -> date:
    """Return the newest day of any source's files.

    A database is taken to be complete up to yesterday (UTC).

    Raises:
        InputError: If no source has any; says where it looked.
    """
    urls = [settings.sources.of(source).url for source in CONTRACTS]
    days = [
        find_newest_file_day(settings, source)
        for source, url in zip(CONTRACTS, urls, strict=True)
        if url is None
    ]
    found = [day for day in days if day is not None]
    # A database has no files by day; today's rows are still being written.
    if any(url is not None for url in urls):
        found.append(datetime.now(UTC).date() - timedelta(days=1))
    if not found:
        raise InputError(
            f"no file of any source: looked in {describe_places(settings)}. Nothing was run; put files "
            "there, or remove the paths from handpick.toml to run on a demo shop."
        )
    return max(found)


def describe_places(settings: Settings) -> str:
    """Return where the sources' rows are looked for, in words."""
    places = set()
    for source in CONTRACTS:
        configured = settings.sources.of(source)
        # The URL of a database may hold a password.
        if configured.url is not None:
            places.add("a database")
        elif is_remote_url(configured.path):
            places.add(configured.path)
        else:
            places.add(str(get_source_folder(settings, source)))
    return ", ".join(sorted(places))
