"""The verdict on a night and on the shop: all well, look or act, with what needs a person and who that is.

The front page, the report, `handpick status` and the alerts say the same because all of them call
`judge_night` or `judge_shop`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from handpick.contracts import CONTRACTS
from handpick.errors import DamagedData, MissingPartition
from handpick.ledger.flows import StageResult
from handpick.night import Night
from handpick.pipeline.registry import list_nightly_names
from handpick.serving.versions import ListVersion
from handpick.settings.load import Settings
from handpick.stages.gate.public import Decision, read_decision
from handpick.stages.report.drift import read_comparison

OVERDUE_HOURS = 36
"""Age of the current lists' `as_of` from which a night is overdue: a day, and half a day to run it."""
REPORT = "report"
"""The last stage: it judges the night while its own result does not exist yet."""


class Light(StrEnum):
    """The verdict in one word, best first."""

    WELL = "well"
    LOOK = "look"
    ACT = "act"


class Owner(StrEnum):
    """Who deals with a finding."""

    OPERATOR = "operator"
    SUPPLIER = "data supplier"
    MODELLER = "model owner"
    MERCHANDISER = "merchandiser"


class Kind(StrEnum):
    """What a finding is about; alerts are grouped by it."""

    FAILED = "failed"
    LATE = "late"
    DAMAGED = "damaged"
    DATABASE = "database"
    NO_MODEL = "no_model"
    REFUSED = "refused"
    OVERRIDE = "override"
    QUARANTINE = "quarantine"
    SOURCE = "source"
    DRIFT = "drift"
    ROLLBACK = "rollback"


@dataclass(frozen=True)
class Finding:
    """One thing that needs a person.

    Args:
        kind: What it is about.
        light: `Light.LOOK` or `Light.ACT`.
        text: What is the case, in one sentence.
        next_step: What to do about it, in one sentence.
        owner: Who does it.
        night: The logical date that it is about; None if it is about none.
        stage: The stage that it is about, for a link; None if it is about none.
    """

    kind: Kind
    light: Light
    text: str
    next_step: str
    owner: Owner
    night: date | None = None
    stage: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as JSON types."""
        return {
            "kind": self.kind.value,
            "light": self.light.value,
            "text": self.text,
            "next_step": self.next_step,
            "owner": self.owner.value,
            "night": self.night.isoformat() if self.night else None,
            "stage": self.stage,
        }

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Finding:
        """Return the finding that `to_dict` described."""
        return cls(
            Kind(raw["kind"]),
            Light(raw["light"]),
            raw["text"],
            raw["next_step"],
            Owner(raw["owner"]),
            date.fromisoformat(raw["night"]) if raw["night"] else None,
            raw["stage"],
        )


@dataclass(frozen=True)
class Verdict:
    """A light, the sentence that explains it, and the findings behind it.

    Args:
        sentence: The state in words, with dates and counts.
        findings: What needs a person, the most urgent first; empty if all is well.
        night: The night that it is about; None before the first one.
        state: The sentence without its count of the findings.
    """

    sentence: str
    findings: tuple[Finding, ...] = field(default=())
    night: date | None = None
    state: str = ""

    @property
    def light(self) -> Light:
        """The worst light of its findings."""
        order = list(Light)
        return max((finding.light for finding in self.findings), key=order.index, default=Light.WELL)


def judge_night(night: Night, failed: Sequence[Finding] = ()) -> Verdict:
    """Judge one night by what its stages wrote; no clock is read, so that it stays the same.

    Args:
        night: The night; its `report` need not have run.
        failed: Failed tasks, which only the scheduler knows.

    Returns:
        The verdict. Damaged results are a finding, not an error.
    """
    results: dict[str, StageResult] = {}
    findings = list(failed)
    for stage in list_nightly_names():
        try:
            if night.has_result(stage):
                results[stage] = night.result(stage)
        except DamagedData as error:
            findings.append(_find_damage(night, stage, error))
    decision = None
    try:
        decision = read_decision(night.lake, night.logical_date)
    except MissingPartition:
        pass
    except DamagedData as error:
        findings.append(_find_damage(night, "gate", error))
    if not any(finding.stage for finding in findings if finding.light is Light.ACT):
        findings += _find_unfinished(night, results)
    findings += _find_data_problems(night, results)
    if decision is not None:
        findings += _find_gate_problems(night, decision)
    findings += _find_drift(night)
    findings.sort(key=lambda finding: finding.light is not Light.ACT)  # stable: acts first
    state = _describe_night(night, results, decision)
    return Verdict(f"{state}. {_count_findings(findings)}", tuple(findings), night.logical_date, state)


def _find_drift(night: Night) -> Iterator[Finding]:
    """Yield one finding for all distributions that differ from the nights before by more than chance."""
    try:
        rows = read_comparison(night.lake, night.logical_date)
    except DamagedData as error:
        yield _find_damage(night, REPORT, error)
        return
    alarms = [row for row in rows if row["is_alarm"]]
    if not alarms:
        return
    first = alarms[0]
    others = f", and {len(alarms) - 1} more" if len(alarms) > 1 else ""
    yield Finding(
        Kind.DRIFT,
        Light.LOOK,
        f"{len(alarms)} of {len(rows)} distributions differ from the {first['nights']} nights before: "
        f"{first['name']} ({first['what']}){others}.",
        "See Drift in the report. By chance this is seen one night in "
        f"{night.settings.drift.nights_per_false_alarm:g}; a campaign or a launch explains it, a changed "
        "delivery does not.",
        Owner.MODELLER,
        night.logical_date,
        REPORT,
    )


def judge_shop(
    settings: Settings,
    nights: Sequence[date],
    versions: Sequence[ListVersion],
    now: datetime,
    *,
    problem: str | None = None,
    failed: Sequence[Finding] = (),
) -> Verdict:
    """Judge the shop as it is now: its newest night, and the lists that consumers read.

    Args:
        settings: All settings.
        nights: The logical dates that have results, in any order.
        versions: Published list versions, newest first.
        now: The present, with a time zone.
        problem: Why the serving database could not be read; None if it could.
        failed: Failed tasks of the newest night, which only the scheduler knows.
    """
    if not nights:
        first = Finding(
            Kind.LATE,
            Light.LOOK,
            "No night has run yet.",
            "Put the files into the landing folder and run `handpick run`, or trigger the DAG "
            "nightly_recommendations.",
            Owner.OPERATOR,
        )
        return Verdict("No night has run yet, so there are no lists.", (*failed, first))
    night = Night(settings, max(nights))
    of_night = judge_night(night, failed)
    findings = list(of_night.findings)
    if problem is not None:
        findings.append(
            Finding(
                Kind.DATABASE,
                Light.ACT,
                f"The serving database cannot be read: {problem}",
                "Look at the server, and at serving.dsn; consumers may read no lists.",
                Owner.OPERATOR,
            )
        )
    current = next((one for one in versions if one.is_current), None)
    if current is not None:
        findings += _find_rollback(current, versions)
        findings += _find_lateness(night, current, now)
    findings.sort(key=lambda finding: finding.light is not Light.ACT)
    lists = (
        f"Consumers read version {current.version}, the lists of {current.logical_date} for "
        f"{current.user_count:,} users"
        if current is not None
        else "No lists are published"
    )
    said = f"{of_night.state}. {lists}. {_count_findings(findings)}"
    return Verdict(said, tuple(findings), night.logical_date, f"{of_night.state}. {lists}")


def drop_unfinished(verdict: Verdict, running: date) -> Verdict:
    """Return a verdict without the finding that a night is not finished which is running."""
    left = tuple(one for one in verdict.findings if not (one.kind is Kind.FAILED and one.night == running))
    if len(left) == len(verdict.findings):
        return verdict
    return replace(verdict, findings=left, sentence=f"The night of {running} is running.")


def _find_damage(night: Night, stage: str, error: Exception) -> Finding:
    """Return the finding of a result that is not what was written."""
    return Finding(
        Kind.DAMAGED,
        Light.ACT,
        str(error),
        f"Run `handpick verify --date {night.logical_date} --repair`.",
        Owner.OPERATOR,
        night.logical_date,
        stage,
    )


def _find_unfinished(night: Night, results: dict[str, StageResult]) -> Iterator[Finding]:
    """Yield the finding of the first stage that has no result, unless it is the report."""
    missing = next((stage for stage in list_nightly_names() if stage not in (*results, REPORT)), None)
    if missing is not None:
        yield Finding(
            Kind.FAILED,
            Light.ACT,
            f"The night of {night.logical_date} has not got past {missing}; no newer lists are published.",
            f"Look at the log of the task {missing}, mend the cause and clear the task, or run "
            f"`handpick night --date {night.logical_date}`.",
            Owner.OPERATOR,
            night.logical_date,
            missing,
        )


def _find_data_problems(night: Night, results: dict[str, StageResult]) -> Iterator[Finding]:
    """Yield what is doubtful about the night's data: empty sources, and the warnings of `validate`."""
    day = night.logical_date
    for flow in results["land"].flows if "land" in results else ():
        # Contracts with a volume are of sources that bring rows every day.
        if not flow.rows_in and CONTRACTS[flow.source].volume is not None:
            yield Finding(
                Kind.SOURCE,
                Light.LOOK,
                f"No {flow.source} arrived for {day}.",
                "Ask for the file; the night can be run again once it is there.",
                Owner.SUPPLIER,
                day,
                "land",
            )
    notes = results["validate"].notes if "validate" in results else {}
    for line in notes.get("warnings", []):
        is_quarantine = "were quarantined" in line
        yield Finding(
            Kind.QUARANTINE if is_quarantine else Kind.SOURCE,
            Light.LOOK,
            f"{line[0].upper()}{line[1:]}.",
            f"Look at the rows: `handpick quarantine list --date {day}`; mend and release them."
            if is_quarantine
            else "Ask the supplier of the file whether this is right.",
            Owner.SUPPLIER,
            day,
            "validate",
        )
    if failed := notes.get("expectations_failed"):
        yield Finding(
            Kind.SOURCE,
            Light.LOOK,
            f"{len(failed)} expectations on the data failed: {', '.join(map(str, failed[:3]))}"
            f"{' and more' if len(failed) > 3 else ''}.",
            "The Data Docs of the night show the rows.",
            Owner.SUPPLIER,
            day,
            "validate",
        )


def _find_gate_problems(night: Night, decision: Decision) -> Iterator[Finding]:
    """Yield what of the gate's decision a person should know."""
    day = night.logical_date
    reason = decision.reasons[0] if decision.reasons else "no reason is recorded"
    if decision.champion_date is None:
        yield Finding(
            Kind.NO_MODEL,
            Light.ACT,
            f"No model may score: all lists of {day} are by popularity. {reason}",
            "Look at the night's evaluation; if the model is good enough, override the gate with a reason.",
            Owner.MODELLER,
            day,
            "gate",
        )
    elif not decision.promoted and decision.override is None:
        yield Finding(
            Kind.REFUSED,
            Light.LOOK,
            f"The gate refused the model of {day}; the lists are by the model of {decision.champion_date}. "
            f"{reason}",
            "Nothing is to be done for one night; look at the evaluation if it is refused for several.",
            Owner.MODELLER,
            day,
            "gate",
        )
    if decision.override is not None:
        done = "promoted" if decision.promoted else "refused"
        yield Finding(
            Kind.OVERRIDE,
            Light.LOOK,
            f"{decision.override['who']} {done} the model of {day} against the gate: "
            f"{decision.override['why']}",
            "Look at the quality of the next nights, and decide whether it stays so.",
            Owner.MODELLER,
            day,
            "gate",
        )


def _find_rollback(current: ListVersion, versions: Sequence[ListVersion]) -> Iterator[Finding]:
    """Yield the finding that consumers read an older version than the newest one."""
    newest = versions[0]
    if newest.version != current.version:
        yield Finding(
            Kind.ROLLBACK,
            Light.LOOK,
            f"The lists were rolled back: version {current.version} of {current.logical_date} is current, "
            f"version {newest.version} of {newest.logical_date} is newer.",
            f"Return with `handpick rollback {newest.version}` once its cause is mended; the next "
            "night's lists become current by themselves.",
            Owner.MERCHANDISER,
            current.logical_date,
            "publish",
        )


def _find_lateness(night: Night, current: ListVersion, now: datetime) -> Iterator[Finding]:
    """Yield the finding that the current lists are older than a night may take; simulated days are never."""
    if current.is_demo or night.is_demo:
        return
    age = now - Night(night.settings, current.logical_date).as_of
    if age > timedelta(hours=OVERDUE_HOURS):
        yield Finding(
            Kind.LATE,
            Light.ACT,
            f"The lists are of {current.logical_date}, {age.days + 1} days ago; a newer night is overdue.",
            "Look at the DAG nightly_recommendations: is it paused, and has the day's data arrived?",
            Owner.OPERATOR,
            current.logical_date,
        )


def _describe_night(night: Night, results: dict[str, StageResult], decision: Decision | None) -> str:
    """Return the night's state in one sentence without its full stop."""
    day = night.logical_date
    published = results.get("publish")
    if published is None:
        said = f"The night of {day} has published no lists"
    elif published.notes.get("is_current", True):
        users = results["score"].notes.get("users_listed") if "score" in results else None
        whom = f" for {users:,} users" if users else ""
        said = f"The night of {day} has published its lists{whom}"
    else:
        said = f"The night of {day} has made its lists, and a later night's lists stayed current"
    if decision is not None and decision.champion_date is not None and published is not None:
        whose = "its own model" if decision.champion_date == day else f"the model of {decision.champion_date}"
        said += f", by {whose}"
    return said


def _count_findings(findings: Sequence[Finding]) -> str:
    """Return how many things there are to do or to look at, as a sentence."""
    acts = sum(finding.light is Light.ACT for finding in findings)
    looks = len(findings) - acts
    to_look = "one thing" if looks == 1 else f"{looks} things"
    if not acts:
        return (
            f"There {'is' if looks == 1 else 'are'} {to_look} to look at."
            if looks
            else "Nothing needs a person."
        )
    needs = "One thing needs" if acts == 1 else f"{acts} things need"
    return f"{needs} a person{f', and {to_look} should be looked at' if looks else ''}."
