"""What is installed: Handpick's own version, and the libraries whose version is not the supported one."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement


def describe_version() -> str:
    """Return Handpick's version and Python's, as `handpick --version` prints them."""
    return f"handpick {find_version('handpick') or 'not installed'}, Python {platform.python_version()}"


def find_version(package: str) -> str | None:
    """Return the installed version of a package; None if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def find_wrong_packages() -> list[str]:
    """Return what is wrong with the libraries that Handpick requires, a text each; empty if nothing is."""
    found = []
    for line in requires("handpick") or ():
        needed = Requirement(line)
        if needed.marker is not None and not needed.marker.evaluate({"extra": ""}):
            continue
        present = find_version(needed.name)
        if present is None:
            found.append(f"{needed.name} is missing")
        elif not needed.specifier.contains(present, prereleases=True):
            found.append(f"{needed.name} is {present}, and {needed.specifier} is needed")
    return found
