"""What is installed is named, pinned, hashed and licensed, and nobody gets the GPL who did not ask for it."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("list_licences", ROOT / "scripts" / "list_licences.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


licences = load_script()


@pytest.mark.parametrize("group", licences.GROUPS)
def test_every_locked_package_has_its_pinned_version_and_hashes(group: str) -> None:
    text = (ROOT / "locks" / f"{group}.lock").read_text()
    entries = re.split(r"\n(?=[a-z0-9])", text.strip(), flags=re.IGNORECASE)
    assert len(entries) > 200
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    pinned = {
        licences.normalize_name(line.split("==")[0]): line.split("==")[1]
        for line in (ROOT / "constraints.txt").read_text().split()
    }
    locked = licences.read_lock(group)
    assert {name: version for name, version in locked.items() if pinned.get(name, version) != version} == {}


def test_every_declared_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    demo = project["project"]["optional-dependencies"]["demo"]
    declared = {
        "run": project["project"]["dependencies"],
        "demo": [*project["project"]["dependencies"], *demo],
        "dev": [*project["project"]["dependencies"], *demo, *project["dependency-groups"]["dev"]],
    }
    for group, requirements in declared.items():
        names = {licences.normalize_name(re.split(r"[^A-Za-z0-9._-]", each)[0]) for each in requirements}
        assert names - set(licences.read_lock(group)) == set(), f"make lock ({group})"


def test_every_locked_package_is_on_the_page_with_a_licence_and_none_for_all_is_under_the_gpl() -> None:
    rows = re.findall(
        r"^\| (\S+) \| (\S+) \| (run|demo|dev) \| (.*) \|$", licences.PAGE.read_text(), re.MULTILINE
    )
    listed = {name: version for name, version, _, _ in rows}
    for group in licences.GROUPS:
        assert licences.read_lock(group).items() - listed.items() == set(), "make licences"
    assert [name for name, _, _, licence in rows if not licence] == []
    bound = [(name, group) for name, _, group, licence in rows if licences.COPYLEFT.search(licence)]
    bound = [(name, group) for name, group in bound if name != "text-unidecode"]  # Artistic, by choice
    assert ("espeakng-loader", "demo") in bound
    assert [name for name, group in bound if group == "run"] == []


def test_every_image_is_pinned_by_deploy_pin_images() -> None:
    text = (ROOT / "docker-compose.yml").read_text() + (ROOT / "Dockerfile").read_text()
    images = re.findall(r"^(?:\s*image:|FROM) (\S+)", text, re.MULTILINE)
    pinning = (ROOT / "deploy" / "pin-images.sh").read_text()
    assert images
    for image in images:
        variable = re.match(r"\$\{(\w+)", image)
        assert (
            image.startswith("handpick:")
            or "@sha256:" in image
            or (variable and f"{variable[1]}=" in pinning)
        )


DOCKER = """#!/usr/bin/env bash
case "$1" in
  pull) [[ $3 != "$UNREACHED" ]] ;;
  image) [[ $5 == "$BUILT_HERE" ]] || printf 'mirror.example/%s@sha256:%064d\\n%s@sha256:%064d\\n' "${5%%:*}" 2 "${5%%:*}" 1 ;;
esac
"""
"""Answers as Docker does of images that two registries have."""


@pytest.mark.parametrize("trouble", ["", "UNREACHED", "BUILT_HERE"])
def test_images_are_pinned_by_the_digest_of_their_own_registry(tmp_path: Path, trouble: str) -> None:
    (tmp_path / "deploy").mkdir()
    for name in ("pin-images.sh", "init-env.sh"):
        shutil.copy(ROOT / "deploy" / name, tmp_path / "deploy" / name)
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(DOCKER)
    program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}", trouble or "X": "redis:7"}
    for _ in range(2):  # the second run replaces the lines of the first
        ended = subprocess.run(
            [tmp_path / "deploy" / "pin-images.sh"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        lines = (tmp_path / ".env").read_text().splitlines()
        expected = {f"{name}@sha256:{1:064d}" for name in ("python:3.11-slim-bookworm", "postgres:15")}
        if trouble:
            assert ended.returncode == 1 and ".env was not changed for it" in ended.stderr
        else:
            assert ended.returncode == 0, ended.stderr
            expected.add(f"redis:7@sha256:{1:064d}")
        assert {line.partition("=")[2] for line in lines if "_IMAGE=" in line} == expected
        assert len(lines) == len({line.split("=")[0] for line in lines}) > 8
        assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
