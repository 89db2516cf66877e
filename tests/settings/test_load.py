"""Loading the settings: the environment overrides the file, and an error names the key."""

from pathlib import Path

import pytest

from handpick.errors import ConfigurationError
from handpick.settings.load import load


def test_the_environment_wins_over_the_file(toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load().shop.name == "Kiosk"
    monkeypatch.setenv("HANDPICK__SHOP__NAME", "Stall")
    assert load().shop.name == "Stall"


@pytest.mark.parametrize(
    ("text", "key"),
    [('[shop]\ncurrency = "euro"', "shop.currency"), ("[shop]\ncolour = 1", "shop.colour"), ("[shp]", "shp")],
)
def test_an_error_names_the_key(toml: Path, text: str, key: str) -> None:
    toml.write_text(text)
    with pytest.raises(ConfigurationError, match=key):
        load()


def test_broken_toml_is_one_line(toml: Path) -> None:
    toml.write_text("[shop\n")
    with pytest.raises(ConfigurationError, match="not valid TOML"):
        load()


def test_secrets_are_not_shown(toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDPICK__SERVING__DSN", "postgresql://me:hunter2@db/x")
    assert "hunter2" not in repr(load())
