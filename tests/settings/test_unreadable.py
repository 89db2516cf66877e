"""Whatever is in `handpick.toml` and the environment, loading it succeeds or is one clear line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import BaseModel

from handpick.errors import ConfigurationError
from handpick.local_airflow.processes import start_airflow
from handpick.settings.load import Settings, load

SECRET = "postgresql://me:hunter2@db/x"


def explain() -> str:
    """Return the error of loading, which must be one line."""
    with pytest.raises(ConfigurationError) as raised:
        load()
    message = str(raised.value)
    assert "\n" not in message and message.isprintable()
    return message


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_file_in_another_encoding_is_named(toml: Path, encoding: str) -> None:
    toml.write_text('[shop]\nname = "Kiosk"\n', encoding=encoding)
    message = explain()
    assert str(toml) in message and "save it as UTF-8" in message


def test_a_byte_order_mark_before_utf_8_is_no_error(toml: Path) -> None:
    toml.write_text('[shop]\nname = "Ünal"\n', encoding="utf-8-sig")
    assert load().shop.name == "Ünal"


@pytest.mark.parametrize("name", ["missing.toml", "", ".", "x" * 5000])
def test_a_wrong_path_of_the_file_is_named_and_never_means_the_defaults(
    toml: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDPICK_CONFIG", str(toml.parent / name) if name else "")
    message = explain()
    assert "HANDPICK_CONFIG" in message and name in message


def test_without_a_file_no_airflow_is_started_and_the_defaults_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HANDPICK_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    settings = load()
    assert settings.home == tmp_path
    with pytest.raises(ConfigurationError, match=r"there is no handpick\.toml in .* nothing was started"):
        start_airflow(settings)
    assert not list(tmp_path.iterdir())


def test_a_wrong_path_of_the_file_is_one_line_of_the_command(tmp_path: Path) -> None:
    wrong = str(tmp_path / "nowhere.toml")
    done = subprocess.run(
        [sys.executable, "-m", "handpick.cli.main", "run", "--rung", "XS"],
        env={**os.environ, "HANDPICK_CONFIG": wrong, "HANDPICK__SERVING__DSN": SECRET},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert wrong in line and "hunter2" not in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("HANDPICK__SERVING", "x", "HANDPICK__SERVING sets a whole section"),
        ("HANDPICK__SERVING", SECRET, "such as HANDPICK__SERVING__DSN"),
        ("HANDPICK__SHOP__LOCALES", "en,zh", "HANDPICK__SHOP__LOCALES must be JSON"),
        ("HANDPICK__TRANSFORM__WEIGHTS", "{", "HANDPICK__TRANSFORM__WEIGHTS must be JSON"),
        ("HANDPICK__SERVNG__DSN", SECRET, "HANDPICK__SERVNG__DSN: there is no section or key servng"),
        ("HANDPICK__SOURCES__EVENTS", "3", "sources.events"),
    ],
)
def test_a_variable_that_cannot_be_read_is_named_without_its_value(
    toml: Path, variable: str, value: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    message = explain()
    assert expected in message and "hunter2" not in message


SECTIONS = [name for name, field in Settings.model_fields.items() if isinstance(field.default, BaseModel)]
KEYS = sorted(
    f"HANDPICK__{section}__{key}".upper()
    for section in SECTIONS
    for key in type(Settings.model_fields[section].default).model_fields
)
VALUES = st.one_of(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8),
    st.sampled_from(
        ["{}", "[]", "null", "-1", "1e400", "nan", "[[1]]", '{"a": {"b": 1}}', "true", "9" * 5000]
    ),
)
NAMES = st.one_of(
    st.sampled_from(KEYS),
    st.sampled_from([f"HANDPICK__{name}".upper() for name in Settings.model_fields]),
    st.builds("{}__{}".format, st.sampled_from(KEYS), st.sampled_from(["X", "_", "0"])),
)


@given(content=st.binary(max_size=60), variables=st.dictionaries(NAMES, VALUES, max_size=3))
@example(content=b"a = " + b"[" * 5000, variables={})
@example(content=b"seed = " + b"9" * 5000, variables={})
@example(content=b"seed = -1\n", variables={})
@example(content=b"[gate]\nimplausible_gain = inf\n", variables={})
@example(content=b'[lake]\nroot = "a\\u0000b"\n', variables={})
@example(content="[shop]\n".encode("utf-16"), variables={})
@hypothesis_settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_file_and_environment_loads_or_is_one_line(
    toml: Path, content: bytes, variables: dict[str, str]
) -> None:
    toml.write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        try:
            settings = load()
        except ConfigurationError as error:
            assert len(str(error).splitlines()) == 1
        else:
            settings.path(settings.lake.root)
