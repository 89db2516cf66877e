"""Renamed keys: an old name in the file or the environment stops with the new one.

Stored configurations still load.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from handpick.errors import ConfigurationError
from handpick.settings.load import Settings, load
from handpick.settings.renamed import RENAMED_KEYS
from models.collaborative.ease import Ease
from models.config import Config, EaseConfig, FusionConfig, TrainingConfig
from models.recommender.late_fusion import LateFusion


def has_key(section: Any, key: str) -> bool:
    """Return whether a dotted key is one of the settings."""
    first, _, rest = key.partition(".")
    if not isinstance(section, BaseModel) or first not in type(section).model_fields:
        return False
    return not rest or has_key(getattr(section, first), rest)


@pytest.fixture
def toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "handpick.toml"
    file.touch()
    monkeypatch.setenv("HANDPICK_CONFIG", str(file))
    return file


@pytest.mark.parametrize(("old", "new"), RENAMED_KEYS.items())
def test_only_the_new_name_is_a_key(old: str, new: str) -> None:
    settings = Settings()
    assert has_key(settings, new) and not has_key(settings, old)


@pytest.mark.parametrize(("old", "new"), RENAMED_KEYS.items())
def test_an_old_key_in_the_file_names_the_file_and_the_new_key(toml: Path, old: str, new: str) -> None:
    section, _, key = old.rpartition(".")
    toml.write_text(f"[{section}]\n{key} = 1\n")
    with pytest.raises(ConfigurationError) as raised:
        load()
    assert str(raised.value) == f"{toml}: the key {old} is now called {new}; rename it there"


@pytest.mark.parametrize("name", ["HANDPICK__FAMILY__EASE__MOST_ITEMS", "handpick__family__ease__most_items"])
def test_an_old_key_in_the_environment_names_the_variables(
    toml: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "12")
    with pytest.raises(ConfigurationError) as raised:
        load()
    assert str(raised.value) == (
        f"{name}: the key family.ease.most_items is now called family.ease.max_items; "
        "set HANDPICK__FAMILY__EASE__MAX_ITEMS instead"
    )


def test_two_old_keys_are_named_in_one_line(toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toml.write_text("[score]\npool = 50\n")
    monkeypatch.setenv("HANDPICK__TRAINING__LEAST_STEPS", "8")
    with pytest.raises(ConfigurationError) as raised:
        load()
    message = str(raised.value)
    assert (
        "score.candidates; rename it there" in message
        and "set HANDPICK__TRAINING__MIN_EPOCH_STEPS" in message
    )
    assert "\n" not in message


def with_old_names(config: Config) -> dict[str, Any]:
    """Return a configuration as an earlier version stored it."""
    old_names = {new: old for old, new in config.former_keys.items()}
    return {old_names.get(key, key): value for key, value in config.model_dump().items()}


def test_a_member_that_was_stored_under_old_keys_loads(tmp_path: Path) -> None:
    Ease(EaseConfig(max_items=77)).save(tmp_path)
    file = tmp_path / "member.json"
    stored = json.loads(file.read_text())
    stored["config"] = with_old_names(EaseConfig(max_items=77))
    assert "most_items" in stored["config"]
    file.write_text(json.dumps(stored))
    assert Ease.load(tmp_path).config == EaseConfig(max_items=77)


def test_a_fusion_model_that_was_stored_under_old_keys_loads(tmp_path: Path) -> None:
    training = TrainingConfig(max_parallel_interactions=5, min_epoch_steps=9)
    about = {
        "config": with_old_names(FusionConfig(fusion="late_vote")),
        "training": with_old_names(training),
        "weights": {},
    }
    assert {"most_beside", "least_steps"} < set(about["training"])
    (tmp_path / "model.json").write_text(json.dumps(about))
    assert LateFusion.load(tmp_path).training == training


def test_a_stored_key_that_never_was_one_is_an_error() -> None:
    with pytest.raises(ValueError, match="colour"):
        EaseConfig.from_stored({"colour": 1})


def test_stored_names_agree_with_the_keys_of_the_settings() -> None:
    for section, config in (("family.ease", EaseConfig), ("training", TrainingConfig)):
        for old, new in config.former_keys.items():
            assert RENAMED_KEYS[f"{section}.{old}"] == f"{section}.{new}"
