"""Alerts from Airflow: addresses from its connections, and the callback of a night that takes too long."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from handpick.pipeline.alerts.channels import CONNECTION_PREFIX, find_address_in_environment


def find_address(channel: str) -> str | None:
    """Return a channel's address: from the environment, or the password of its Airflow connection."""
    found = find_address_in_environment(channel)
    if found is not None:
        return found
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        return BaseHook.get_connection(f"{CONNECTION_PREFIX}{channel}").password or None
    except AirflowNotFoundException:
        return None


def tell_shop(run_id: str | None = None, *, is_night_over: bool = False) -> list[str]:
    """Tell the owners what is new, and print what was done.

    Args:
        run_id: The run whose tasks the messages link to.
        is_night_over: Whether a night has just ended.

    Returns:
        The channels that were told.

    Raises:
        HandpickError: If a channel was not reached.
    """
    from handpick.errors import HandpickError
    from handpick.pipeline.alerts.send import alert_about_shop
    from handpick.settings.load import load

    now = datetime.now(UTC)
    sent = alert_about_shop(
        load(), now, find_address=find_address, run_id=run_id, is_night_over=is_night_over
    )
    for name, message in sent.messages.items():
        print(f"To {name}: {message.title}")  # noqa: T201 - the task's log
    if sent.waiting:
        print(f"{len(sent.waiting)} findings wait for the end of the quiet hours.")  # noqa: T201
    if sent.problems:
        raise HandpickError(*sent.problems)
    return sorted(sent.messages)


def tell_late(minutes: int, context: Any = None) -> None:
    """Tell the owners that a night's run takes longer than it may; the callback of the DAG's deadline."""
    from handpick.pipeline.alerts.send import send_alerts
    from handpick.settings.load import load
    from handpick.stages.report.verdict import Finding, Kind, Light, Owner

    run = (context or {}).get("dag_run") or {}
    run_id = run.get("run_id") or run.get("dag_run_id")
    date = str(run.get("logical_date") or "")[:10]
    finding = Finding(
        Kind.LATE,
        Light.ACT,
        f"The night{f' of {date}' if date else ''} is late: its run {run_id} was started more than "
        f"{minutes:,} minutes ago and has not ended.",
        "Look at which task runs, and at its log; the lists published last stay current.",
        Owner.OPERATOR,
        # The run makes it one cause, and a night that is late twice two.
        datetime.fromisoformat(date).date() if date else None,
        run_id,
    )
    problems = send_alerts(
        load(), [finding], datetime.now(UTC), find_address=find_address, run_id=None
    ).problems
    if problems:
        raise RuntimeError("; ".join(problems))
