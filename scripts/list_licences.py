"""Writes docs/licences.md: every package of the locks with its licence, as its own metadata states it.

Packages that are locked for other platforms only are not installed here; their licences are in `ELSEWHERE`.
"""

from __future__ import annotations

import re
from email.message import Message
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import cast

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "licences.md"
GROUPS = ("run", "demo", "dev")
ELSEWHERE = {
    "nvidia-": "NVIDIA Software License (proprietary; redistributed by NVIDIA on PyPI)",
    "cuda-": "NVIDIA Software License (proprietary; redistributed by NVIDIA on PyPI)",
    "triton": "MIT",
}
"""Beginnings of names of packages that only a GPU build of torch brings, and their licences."""
STATED_ELSEWHERE = {
    "axe-playwright-python": "MIT; contains axe-core: MPL-2.0",
    "espeakng-loader": "MIT; contains espeak-ng: GPL-3.0-or-later",
    "httpx2-jsfetch": "BSD-3-Clause",
    "openlineage-sql": "Apache-2.0",
    "pyasynchat": "PSF-2.0",
    "pyasyncore": "PSF-2.0",
    "pyftpdlib": "MIT",
    "pyyaml-ft": "MIT",
    # Its classifiers list both licences between which one may choose.
    "text-unidecode": "Artistic License OR GPL-2.0-or-later",
}
"""Licences of packages whose metadata state none, or not clearly, as their repositories do."""
COPYLEFT = re.compile(r"(?<!L)(?<!Lesser )\bA?GPL|(?<!Lesser )General Public License", re.IGNORECASE)
"""Licences that would bind a whole product; the LGPL and MPL bind only their own files."""
HEAD = """<!-- Written by `make licences` from the packages' own metadata. -->
# Licences of all packages

Every package that `scripts/install.sh` can install, with the licence that its metadata state. *run* is what
everybody gets, *demo* is added for the demo shop (`make run`, `scripts/install.sh --demo`), *dev* for tests
and documentation (`--dev`). No package of *run* is under the GPL or AGPL: espeak-ng, which the demo shop's
voices need, is, and is therefore a group of its own. `make sbom` writes the same as a software bill of
materials in CycloneDX.

The CUDA libraries come with torch on Linux, as the index gives it; a CPU build of torch brings none of them.

| package | version | group | licence |
|---|---|---|---|
"""


def normalize_name(name: str) -> str:
    """Return a package's name as an index writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_lock(group: str) -> dict[str, str]:
    """Return the versions of a lock by package."""
    lines = (ROOT / "locks" / f"{group}.lock").read_text().splitlines()
    found = (re.match(r"([A-Za-z0-9._-]+)==([^ \\;]+)", line) for line in lines)
    return {normalize_name(match[1]): match[2] for match in found if match}


def describe_licence(package: Distribution) -> str:
    """Return the licence that a package's metadata state: expression, classifiers, or a line of text."""
    # A message of e-mail, although its type promises less.
    metadata = cast(Message, package.metadata)
    expression = metadata.get("License-Expression")
    if expression:
        return expression
    classifiers = [
        line.rsplit(" :: ", 1)[1]
        for line in metadata.get_all("Classifier") or []
        if line.startswith("License :: ") and line.count(" :: ") > 1
    ]
    if classifiers:
        return ", ".join(classifiers)
    text = (metadata.get("License") or "").strip().splitlines()
    return text[0][:80] if text and text[0] != "UNKNOWN" else ""


def collect_licences() -> list[tuple[str, str, str, str]]:
    """Return package, version, group and licence of every locked package, by name; no licence is ''."""
    installed = {normalize_name(each.metadata["Name"]): each for each in distributions()}
    groups: dict[str, str] = {}
    versions: dict[str, str] = {}
    for group in GROUPS:
        for name, version in read_lock(group).items():
            groups.setdefault(name, group)
            versions[name] = version
    rows = []
    for name, group in sorted(groups.items()):
        licence = STATED_ELSEWHERE.get(name, "")
        licence = licence or (describe_licence(installed[name]) if name in installed else "")
        licence = licence or next((text for start, text in ELSEWHERE.items() if name.startswith(start)), "")
        rows.append((name, versions[name], group, licence))
    return rows


def main() -> None:
    """Write the page."""
    rows = collect_licences()
    lines = [
        f"| {name} | {version} | {group} | {licence.replace('|', '/')} |"
        for name, version, group, licence in rows
    ]
    PAGE.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    print(f"Wrote {PAGE.relative_to(ROOT)}: {len(rows)} packages.")


if __name__ == "__main__":
    main()
