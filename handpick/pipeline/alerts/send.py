"""Sends what is new to its owners: one message a channel, one mention a night and cause."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from handpick.errors import ConfigurationError, HandpickError
from handpick.lake.locks import hold_lock
from handpick.night import Night
from handpick.pipeline.alerts.channels import (
    FindAddress,
    deliver,
    find_address_in_environment,
    require_address,
)
from handpick.pipeline.alerts.judge import judge_now
from handpick.pipeline.alerts.messages import Message, compose_message
from handpick.settings.alerts import parse_quiet_hours
from handpick.settings.load import Settings
from handpick.stages.report.verdict import Finding, Kind

KEPT_DAYS = 90
"""Age in days at which it is forgotten that an alert was sent."""
CHANGING_TEXTS = (Kind.LATE, Kind.DATABASE)
"""Kinds whose words change by the hour although the cause is the same."""
TEST = Message(
    "Handpick: this is a test",
    "This message was sent by `handpick alert --test`. Nothing is wrong, and nothing is to be done.",
)


@dataclass
class Sent:
    """What was done with the findings.

    Args:
        messages: The message of each channel that was told something.
        waiting: Findings that wait for the end of the quiet hours.
        problems: Why a channel was not reached, a line each.
    """

    messages: dict[str, Message] = field(default_factory=dict)
    waiting: list[Finding] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def alert_about_shop(
    settings: Settings,
    now: datetime,
    *,
    find_address: FindAddress = find_address_in_environment,
    run_id: str | None = None,
    is_night_over: bool = False,
) -> Sent:
    """Tell the owners what is wrong with the shop now, and what they have not been told yet.

    Args:
        settings: All settings; `[alerts]` names the owners.
        now: The present, with a time zone.
        find_address: Returns a channel's address.
        run_id: The run in Airflow whose tasks are linked to.
        is_night_over: Whether the newest night has ended. While it may be running, that it is not finished is
            no finding; that one of its stages failed is.
    """
    if not settings.alerts.list_channels():
        return Sent()
    findings = judge_now(settings, now).verdict.findings
    # Before the first night there is nobody to be told that there is none.
    known = [one for one in findings if one.night is not None or one.kind is not Kind.LATE]
    if not is_night_over:
        failed = {one.stage for one in known if one.kind is Kind.FAILED and _has_record(settings, one)}
        known = [one for one in known if one.kind is not Kind.FAILED or one.stage in failed]
    return send_alerts(settings, known, now, find_address=find_address, run_id=run_id)


def _has_record(settings: Settings, finding: Finding) -> bool:
    """Return whether a stage has recorded its failure."""
    if finding.night is None or finding.stage is None:
        return False
    return Night(settings, finding.night).failure_file(finding.stage).is_file()


def send_alerts(
    settings: Settings,
    findings: Sequence[Finding],
    now: datetime,
    *,
    find_address: FindAddress = find_address_in_environment,
    run_id: str | None = None,
) -> Sent:
    """Send the findings that their owners have not been told yet, in one message a channel.

    What could not be delivered is not remembered as sent, so the next call sends it again.

    Args:
        settings: All settings.
        findings: What needs a person.
        now: The present, with a time zone: quiet hours are looked up for it.
        find_address: Returns a channel's address.
        run_id: The run in Airflow whose tasks are linked to.
    """
    alerts, done = settings.alerts, Sent()
    root = settings.path(settings.lake.root)
    with hold_lock(root, "alerts", "sending alerts", settings.lake.lock_timeout_s):
        record = _Record(settings.path(alerts.path) / "sent.json", now)
        by_channel: dict[str, list[Finding]] = {}
        for finding in findings:
            new = [name for name in alerts.find_channels(finding.kind) if not record.has(name, finding)]
            if new and is_quiet(settings, now) and finding.kind not in alerts.urgent_kinds:
                done.waiting.append(finding)
                continue
            for name in new:
                by_channel.setdefault(name, []).append(finding)
        for name, about in sorted(by_channel.items()):
            message = compose_message(settings, about, run_id)
            try:
                deliver(name, require_address(name, find_address), message)
            except HandpickError as error:
                done.problems.append(str(error))
                continue
            done.messages[name] = message
            record.add(name, about)
    return done


def require_channels(settings: Settings) -> list[str]:
    """Return the names of all channels.

    Raises:
        ConfigurationError: If there is none.
    """
    channels = settings.alerts.list_channels()
    if not channels:
        raise ConfigurationError(
            "nobody is told anything: there is no channel in [alerts] of handpick.toml; nothing was sent. "
            'Write default_owners = ["operations"] there, and its address into HANDPICK_ALERT_OPERATIONS '
            "(docs/alerts.md)."
        )
    return channels


def send_test(settings: Settings, find_address: FindAddress = find_address_in_environment) -> dict[str, str]:
    """Send a test message to every channel; return what went wrong by channel, empty where nothing did.

    Raises:
        ConfigurationError: If there is no channel.
    """
    return {name: _try_channel(name, find_address) for name in require_channels(settings)}


def _try_channel(name: str, find_address: FindAddress) -> str:
    """Send the test message to a channel; return what went wrong, empty if nothing did."""
    try:
        deliver(name, require_address(name, find_address), TEST)
    except HandpickError as error:
        return str(error)
    return ""


def is_quiet(settings: Settings, now: datetime) -> bool:
    """Return whether a moment is within the quiet hours, which may span midnight."""
    if settings.alerts.quiet_hours is None:
        return False
    begin, end = parse_quiet_hours(settings.alerts.quiet_hours)
    local = now.astimezone(ZoneInfo(settings.alerts.timezone)).time()
    return begin <= local < end if begin < end else local >= begin or local < end


class _Record:
    """Remembers what was sent, as hashes: the texts of alerts may name files and values.

    Args:
        file: Where it is kept.
        now: The present.
    """

    def __init__(self, file: Path, now: datetime) -> None:
        self._file, self._now = file, now
        try:
            kept: dict[str, str] = json.loads(file.read_text())
        except (OSError, ValueError):  # none yet, or damaged: better told twice than never
            kept = {}
        oldest = (now - timedelta(days=KEPT_DAYS)).isoformat()
        self._sent = {key: moment for key, moment in kept.items() if moment >= oldest}

    def has(self, channel: str, finding: Finding) -> bool:
        """Return whether a channel was told about a finding."""
        return _hash(channel, finding) in self._sent

    def add(self, channel: str, findings: Iterable[Finding]) -> None:
        """Remember that a channel was told, at once: an error about the next one must not repeat this."""
        self._sent.update({_hash(channel, one): self._now.isoformat() for one in findings})
        self._file.parent.mkdir(parents=True, exist_ok=True)
        staged = self._file.with_suffix(".tmp")
        staged.write_text(json.dumps(self._sent, indent=1, sort_keys=True))
        staged.replace(self._file)


def _hash(channel: str, finding: Finding) -> str:
    """Return what a mention of a cause and its night to a channel is known by."""
    cause = "" if finding.kind in CHANGING_TEXTS else finding.text
    parts = [channel, finding.kind, str(finding.night), finding.stage or "", cause]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
