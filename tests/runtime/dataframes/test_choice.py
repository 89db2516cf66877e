"""Which engine runs a night, and what one without Java is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from handpick.errors import ConfigurationError
from handpick.runtime.dataframes import choose_engine, start_engine
from handpick.runtime.dataframes.java_patterns import translate_to_re2
from handpick.settings.load import load


@pytest.fixture
def toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the settings."""
    file = tmp_path / "handpick.toml"
    monkeypatch.setenv("HANDPICK_CONFIG", str(file))
    return file


@pytest.mark.parametrize(
    ("engine", "master", "chosen"),
    [
        ("auto", "local[*]", "duckdb"),
        ("auto", "local[2]", "duckdb"),
        ("auto", "spark://host:7077", "spark"),
        ("auto", "yarn", "spark"),
        ("spark", "local[*]", "spark"),
        ("duckdb", "spark://host:7077", "duckdb"),
    ],
)
def test_the_engine_is_duckdb_unless_a_cluster_or_spark_is_set(
    toml: Path, engine: str, master: str, chosen: str
) -> None:
    toml.write_text(f'[transform]\nengine = "{engine}"\n[spark]\nmaster = "{master}"\n')
    assert choose_engine(load()) == chosen


def test_an_unknown_engine_names_its_key(toml: Path) -> None:
    toml.write_text('[transform]\nengine = "flink"\n')
    with pytest.raises(ConfigurationError, match=r"transform\.engine") as told:
        load()
    assert "\n" not in str(told.value)


def test_spark_without_java_is_one_line_that_says_what_needs_none(
    toml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toml.write_text('[transform]\nengine = "spark"\n')
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(ConfigurationError, match=r"Java 17 .*transform\.engine") as told:
        start_engine(load(), rows=0)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("pattern", [r"\bx", r"x$", r"x.y", r"(?i)x", r"(?<=x)y", r"x(?!y)", r"[x[y]]"])
def test_a_pattern_that_engines_read_differently_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        translate_to_re2(pattern)
