"""Texts of others are only text, and secrets are not shown, whoever prints them."""

from __future__ import annotations

import io
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table

from handpick.errors import HandpickError
from handpick.errors.safe_text import (
    escape_controls,
    has_secret,
    make_showable,
    redact_secrets,
    register_secret,
)
from handpick.runtime.log import SafeConsole
from tests.hostile import HOSTILE, find_terminal_controls

SECRET = "hunter2-Zq9"


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://shop:{SECRET}@db:5432/x",
        f"cannot open s3://AKIA:{SECRET}@bucket/key: refused",
        f"s3://AKIA:{SECRET}/with/slashes@bucket",
        f"https://files.example/events.csv?sv=2024&sig={SECRET}&se=1",
        f"https://x/?X-Amz-Signature={SECRET}",
        f"host=db user=x password={SECRET} dbname=y",
        f"host=db password='{SECRET}' dbname=y",
        f'{{"apiKey": "{SECRET}"}}',
        f"redis:6379,password={SECRET}",
        f"Authorization: Bearer {SECRET}abc",
        f"DefaultEndpointsProtocol=https;AccountKey={SECRET}==;",
        f"aws_secret_access_key = {SECRET}",
    ],
)
def test_a_secret_is_replaced_wherever_it_is_usual_to_write_one(text: str) -> None:
    assert SECRET not in redact_secrets(text)
    assert has_secret(text)
    assert SECRET not in str(HandpickError(f"cannot read {text!r}"))


@pytest.mark.parametrize(
    "text",
    [
        "nothing was landed; run `handpick night --date 2026-03-01` again (postgres://db:5432/x).",
        "ftp://reader@files.example/x cannot be read",
        "the token of the password field is missing: set HANDPICK__LINEAGE__API_KEY",
        "https://example.com/a?page=2&sort=price",
    ],
)
def test_a_message_without_a_secret_stays_as_it_is(text: str) -> None:
    assert redact_secrets(text) == text


def test_a_registered_secret_is_replaced_in_any_form(monkeypatch: pytest.MonkeyPatch) -> None:
    register_secret("postgresql://shop:p%40ss-w0rd!@db/x")
    monkeypatch.setenv("PGPASSWORD", "from-the-environment")
    shown = redact_secrets("refused p@ss-w0rd! and p%40ss-w0rd! and p%40ss-w0rd%21 and from-the-environment")
    assert shown == "refused *** and *** and *** and ***"


@given(st.text() | st.sampled_from(HOSTILE))
def test_an_error_is_one_line_without_control_characters(text: str) -> None:
    shown = str(HandpickError(f"cannot read {text}"))
    assert find_terminal_controls(shown) == []
    assert "\n" not in shown
    shown.encode()  # no lone surrogates


def test_an_error_may_have_several_lines_of_its_own() -> None:
    assert str(HandpickError("one", "two\nthree")) == "one\ntwo\\nthree"


@given(st.sampled_from(HOSTILE) | st.text())
def test_the_terminal_shows_texts_and_does_not_obey_them(text: str) -> None:
    output = io.StringIO()
    console = SafeConsole(file=output, force_terminal=True, width=20_000)
    table = Table(title=text)
    table.add_column(text)
    table.add_row(text)
    console.print(table)
    console.print(text)
    printed = output.getvalue()
    assert find_terminal_controls(printed, colours=True) == []
    if text in ("[red]markup[/]", ":warning:", "[link=file:///etc/passwd]x[/link]"):
        assert printed.count(text) == 4


@pytest.mark.parametrize(
    "text", ["a." * 200_000, "a://" * 100_000, "token=" * 100_000, "x" * 10**6, '"token' * 10**5]
)
def test_a_very_long_text_takes_no_longer_than_it_is_long(text: str) -> None:
    began = time.perf_counter()
    make_showable(text)
    assert time.perf_counter() - began < 20, "quadratic time would be minutes"


def test_escapes_are_those_that_a_programmer_knows() -> None:
    assert escape_controls("a\x1b[1m\u202eb\ud800\n") == "a\\x1b[1m\\u202eb\\ud800\\n"
