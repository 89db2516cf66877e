"""The words of an alert: a subject, and a numbered list of what is the case, the next step and a link."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from handpick.errors.safe_text import make_showable
from handpick.settings.load import Settings
from handpick.stages.report.verdict import Finding, Light

NIGHTLY_DAG = "nightly_recommendations"
TASKS = {"warehouse": "warehouse.build"}
"""Tasks of stages that are not called like them."""


@dataclass(frozen=True)
class Message:
    """What is sent to one channel."""

    title: str
    body: str


def compose_message(settings: Settings, findings: Sequence[Finding], run_id: str | None = None) -> Message:
    """Write one message about all findings, those that need somebody now first.

    Args:
        settings: Give the shop's name and the address of the web UI.
        findings: What the message is about; at least one.
        run_id: The run in Airflow whose tasks are linked to.
    """
    ordered = sorted(findings, key=lambda one: one.light is not Light.ACT)
    acts = sum(one.light is Light.ACT for one in ordered)
    first = quote_for_chats(ordered[0].text.split(": ")[0].rstrip("."))
    if len(ordered) == 1:
        subject = first
    elif acts:
        subject = f"{first}, and {len(ordered) - 1} more"
    else:
        subject = f"{len(ordered)} things to look at"
    lines = []
    for number, one in enumerate(ordered, 1):
        lines += [
            f"{number}. {'ACT NOW' if one.light is Light.ACT else 'Look'}: {quote_for_chats(one.text)}",
            f"   Next: {quote_for_chats(one.next_step)}",
            f"   {build_link(settings, one, run_id)}",
            "",
        ]
    lines.append("All at once, at any time: handpick status")
    # Texts hold values of suppliers, and messages of other programs.
    return Message(
        make_showable(f"{'[act] ' if acts else ''}{settings.shop.name}: {subject}"),
        make_showable("\n".join(lines), keep_breaks=True),
    )


def quote_for_chats(text: str) -> str:
    """Return a text that calls nobody and hides no address behind a word where it is shown in a chat.

    `@everyone` of a supplier's file name would call all of a channel of Discord or Mattermost, and
    `[word](address)` would be a link there.
    """
    return re.sub(r"\](?=\()", "] ", re.sub(r"@(?=[\w&!])", "@ ", text))


def build_link(settings: Settings, finding: Finding, run_id: str | None = None) -> str:
    """Return the page of Airflow's web UI that shows a finding: its task, its run or the DAG."""
    base = settings.alerts.link or f"http://127.0.0.1:{settings.airflow.port}"
    page = f"{base.rstrip('/')}/dags/{NIGHTLY_DAG}"
    if run_id is None:
        return page
    page += f"/runs/{quote(run_id, safe='')}"
    return page if finding.stage is None else f"{page}/tasks/{TASKS.get(finding.stage, finding.stage)}"
