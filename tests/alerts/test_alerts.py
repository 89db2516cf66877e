"""Alerts reach their owners once a night and cause, in words, grouped, and without a secret."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from email.header import decode_header, make_header
from typing import Any, get_args

import pytest
from typer.testing import CliRunner

from handpick.cli.main import app
from handpick.errors import ConfigurationError, InputError
from handpick.night import Night
from handpick.pipeline.alerts.send import alert_about_shop, send_alerts
from handpick.pipeline.runner import run_stage
from handpick.settings.alerts import AlertKind
from handpick.settings.load import Settings
from handpick.stages.report.verdict import Finding, Kind, Light, Owner

from .conftest import read_text

DAY = date(2026, 3, 1)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MakeSettings = Callable[[str], Settings]
OPERATIONS = '[alerts]\ndefault_owners = ["operations"]\n'
SPLIT = OPERATIONS + '[alerts.owners]\nquarantine = ["suppliers"]\noverride = []\n'


def finding(kind: Kind, text: str = "Something is the case.", light: Light = Light.LOOK) -> Finding:
    return Finding(kind, light, text, "Do this.", Owner.OPERATOR, DAY, "validate")


@pytest.fixture
def hook_address(webhook: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of the webhook, which is also the environment's for the channel `operations`."""
    address = f"json://127.0.0.1:{webhook.server_port}/token-4711-abcd"
    monkeypatch.setenv("HANDPICK_ALERT_OPERATIONS", address)
    return address


def test_the_kinds_of_the_settings_are_those_of_the_findings() -> None:
    assert set(get_args(AlertKind)) == {kind.value for kind in Kind}


def test_a_night_that_fails_is_told_once_with_reason_next_step_and_link(
    make_settings: MakeSettings, webhook: Any, hook_address: str
) -> None:
    settings = make_settings(OPERATIONS)
    night = Night(settings, DAY)
    night.result_file("land").parent.mkdir(parents=True)
    with pytest.raises(InputError) as raised:
        run_stage("land", night)
    for _ in range(3):  # the DAG's last task, and two of the hourly watch
        alert_about_shop(settings, NOON, run_id="manual__2026-03-01T00:00:00+00:00")
    ((_, content),) = webhook.caught
    assert content["title"].startswith("[act] Phones: The night of 2026-03-01 stopped at land")
    assert str(raised.value) in content["message"]
    assert "Next: Mend the cause, then clear the task land" in content["message"]
    link = "/dags/nightly_recommendations/runs/manual__2026-03-01T00%3A00%3A00%2B00%3A00/tasks/land"
    assert f"http://127.0.0.1:8080{link}" in content["message"]
    assert "github" not in str(content).lower()  # no icon of the library, which readers would load from there


def test_a_stage_that_succeeds_again_is_no_failure_any_more(
    make_settings: MakeSettings, webhook: Any, hook_address: str
) -> None:
    settings = make_settings(OPERATIONS)
    night = Night(settings, DAY)
    with pytest.raises(InputError):
        run_stage("land", night)
    assert night.failure_file("land").is_file()
    for source, text in {
        "catalog/a.jsonl": '{"item_id": "p1", "title": "Phone", "in_stock": true, "updated_at": "2026-03-01T01:00:00Z"}\n',
        "users/a.csv": "user_id,signed_up_at,consent\nu1,2025-01-01T00:00:00Z,true\n",
        "events/a.csv": "event_id,user_id,item_id,event_type,occurred_at\ne1,u1,p1,view,2026-03-01T02:00:00Z\n",
        "queries/a.jsonl": '{"query_id": "q1", "user_id": "u1", "text": "hi", "occurred_at": "2026-03-01T02:00:00Z"}\n',
    }.items():
        file = settings.path(settings.lake.landing) / source
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    run_stage("land", night)
    assert not night.failure_file("land").exists()
    # It has begun and may be running: that it is not finished is told only when the run has ended.
    alert_about_shop(settings, NOON)
    assert not [title for _, title in webhook.caught if "not got past" in title["message"]]
    alert_about_shop(settings, NOON, is_night_over=True)
    assert [1 for _, content in webhook.caught if "has not got past validate" in content["message"]] == [1]


def test_one_mail_groups_all_findings_and_urgent_ones_come_first(
    make_settings: MakeSettings, mail_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = mail_server.server_address[1]
    monkeypatch.setenv(
        "HANDPICK_ALERT_OPERATIONS", f"mailto://127.0.0.1:{port}?from=handpick@shop.test&to=night@shop.test"
    )
    settings = make_settings(OPERATIONS)
    found = [
        finding(Kind.QUARANTINE, "25% of catalog were quarantined."),
        finding(Kind.DRIFT, "Prices drifted."),
        finding(Kind.FAILED, "The night stopped at validate: a column is missing.", Light.ACT),
    ]
    sent = send_alerts(settings, found, NOON)
    assert sent.problems == []
    (mail,) = mail_server.caught
    assert mail["To"] == "night@shop.test"
    subject = str(make_header(decode_header(mail["Subject"])))
    assert subject == "[act] Phones: The night stopped at validate, and 2 more"
    text = read_text(mail)
    places = [text.index(part) for part in ("1. ACT NOW: The night", "2. Look: 25%", "3. Look: Prices")]
    assert places == sorted(places)
    assert send_alerts(settings, found, NOON).messages == {}


def test_owners_by_kind_get_theirs_and_only_what_is_new(
    make_settings: MakeSettings, webhook: Any, hook_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDPICK_ALERT_SUPPLIERS", hook_address.replace("token-4711-abcd", "suppliers"))
    settings = make_settings(SPLIT)
    old = [finding(Kind.QUARANTINE, "Bad rows."), finding(Kind.REFUSED, "Refused."), finding(Kind.OVERRIDE)]
    send_alerts(settings, old, NOON)
    told = {path: content["message"] for path, content in webhook.caught}
    assert "Bad rows." in told["/suppliers"] and "Refused." not in told["/suppliers"]
    assert "Refused." in told["/token-4711-abcd"] and "Something" not in str(told)
    send_alerts(settings, [*old, finding(Kind.SOURCE, "No events arrived.")], NOON)
    assert len(webhook.caught) == 3
    assert (
        "No events" in webhook.caught[2][1]["message"] and "Refused." not in webhook.caught[2][1]["message"]
    )


@pytest.mark.parametrize(("hour", "is_sent"), [(21, True), (22, False), (3, False), (7, True)])
def test_quiet_hours_hold_back_what_is_not_urgent_until_they_end(
    make_settings: MakeSettings, webhook: Any, hook_address: str, hour: int, is_sent: bool
) -> None:
    settings = make_settings(OPERATIONS + 'quiet_hours = "22:00-07:00"\ntimezone = "Europe/Berlin"\n')
    # Berlin is an hour ahead of UTC on this day.
    moment = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=hour - 1)
    sent = send_alerts(settings, [finding(Kind.REFUSED), finding(Kind.FAILED)], moment)
    assert ("2 things" in sent.messages["operations"].title) is is_sent
    assert len(sent.waiting) == (0 if is_sent else 1)
    assert bool(send_alerts(settings, [finding(Kind.REFUSED)], NOON).messages) is not is_sent


def test_what_was_not_delivered_is_said_without_the_token_and_sent_again(
    make_settings: MakeSettings, webhook: Any, hook_address: str
) -> None:
    settings = make_settings(OPERATIONS)
    webhook.status = 500
    (problem,) = send_alerts(settings, [finding(Kind.FAILED)], NOON).problems
    assert "was not delivered to the channel operations (json)" in problem and "500" in problem
    assert "4711" not in problem
    webhook.status = 200
    # A message of another program may repeat the address.
    leak = finding(Kind.FAILED, f"Something is the case. {hook_address}")
    sent = send_alerts(settings, [finding(Kind.FAILED), leak], NOON)
    assert "4711" not in str(webhook.caught[-1][1]) and "4711" not in str(sent.messages)


def test_an_address_in_the_settings_file_is_refused_and_not_shown(make_settings: MakeSettings) -> None:
    with pytest.raises(ConfigurationError) as raised:
        make_settings('[alerts]\ndefault_owners = ["slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7F"]\n')
    assert "HANDPICK_ALERT_<NAME>" in str(raised.value) and "T1JJ3T3L2" not in str(raised.value)
    with pytest.raises(ConfigurationError, match="quiet hours are written like"):
        make_settings('[alerts]\nquiet_hours = "22:00-25:00"\n')


def test_the_test_message_says_of_every_channel_whether_it_arrived(
    make_settings: MakeSettings, webhook: Any, hook_address: str
) -> None:
    make_settings(SPLIT)
    done = CliRunner().invoke(app, ["alert", "--test"])
    assert done.exit_code == 1
    assert "operations: delivered\n" in done.output
    assert "suppliers: the alert channel suppliers has no address" in done.output
    assert [content["title"] for _, content in webhook.caught] == ["Handpick: this is a test"]
    make_settings("")
    none = CliRunner().invoke(app, ["alert", "--test"]).exception
    assert isinstance(none, ConfigurationError) and "there is no channel" in str(none)


def test_a_text_of_others_calls_nobody_and_hides_no_address_in_a_chat(
    make_settings: MakeSettings, webhook: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mattermost, as Discord does, shows what it gets as Markdown and calls who is mentioned."""
    address = f"mmost://127.0.0.1:{webhook.server_port}/{'a1' * 13}"
    monkeypatch.setenv("HANDPICK_ALERT_OPERATIONS", address)
    text = "events/@everyone <@U123> <!channel> @here [the report](http://evil.example).csv: 3 rows"
    sent = send_alerts(make_settings(OPERATIONS), [finding(Kind.QUARANTINE, text)], NOON)
    assert not sent.problems
    ((_, content),) = webhook.caught
    assert "@ everyone <@ U123>" in content["text"] and "the report] (http" in content["text"]
    assert not re.search(r"@\w|\]\(", content["text"])
