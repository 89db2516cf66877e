"""Where a demo shop may be made: never where anything says that the place is a real shop's."""

from __future__ import annotations

from handpick.demo.next_day import has_demo_shop
from handpick.errors import InputError
from handpick.lake.partitions import Lake
from handpick.night import Night
from handpick.pipeline.next_night import has_configured_sources
from handpick.settings.load import Settings, find_configuration_file


def check_demo_allowed(settings: Settings) -> None:
    """Check that a demo shop may be made in the configured folders.

    Raises:
        InputError: If there is no settings file, or the settings name a source or a serving database, or the
            lake holds nights of another shop; says which, and how to get a demo shop all the same.
    """
    reason = _find_reason_against(settings)
    if reason is not None:
        raise InputError(
            f"no demo shop is made here: {reason}. Nothing was written. For a demo shop, use another folder "
            "with a handpick.toml of its own, or `handpick demo --out FOLDER`."
        )


def _find_reason_against(settings: Settings) -> str | None:
    """Return what speaks against a demo shop in the configured folders, None if nothing does."""
    file = find_configuration_file()
    if not file.is_file():
        return f"there is no {file.name} in {file.parent.resolve()} or above"
    if has_configured_sources(settings):
        return "[sources] says where the rows of your shop are"
    if settings.serving.dsn is not None and not settings.serving.allow_demo:
        return "serving.dsn names a database, which its lists would be published to"
    if has_demo_shop(settings):
        return None  # the nights are of this shop
    nights = Lake(settings.path(settings.lake.root)).list_dates("raw/events")
    if nights and not Night(settings, nights[-1]).is_demo:
        return f"the lake {settings.path(settings.lake.root)} holds nights of another shop"
    return None
