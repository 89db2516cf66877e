"""Whoever delivers files cannot make Handpick read a file that only Handpick may read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from handpick.errors import InputError
from handpick.night import Night
from handpick.stages.land import run

STRANGER = 4711
"""The number of another user, who delivers files."""
ROW = "event_id,user_id,item_id,event_type,occurred_at\ne2,u1,p1,view,2026-01-10T03:00:00Z\n"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's link")


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file that the stranger may not read."""
    file = tmp_path / "passwords.csv"
    file.write_text("event_id,user_id\nadmin,hunter2-hunter2\n")
    file.chmod(0o600)
    return file


@pytest.mark.parametrize("how", ["a file", "two links", "the folder"])
def test_a_strangers_link_to_a_file_that_is_not_theirs_is_refused(
    night: Callable[..., Night], bring: Callable[..., Path], secret: Path, how: str
) -> None:
    link = bring("events", ROW).with_name("more.csv")
    if how == "the folder":
        folder = link.parent.rename(secret.with_name("private"))
        link = secret.parent / "landing" / "events"
        link.symlink_to(folder)
    elif how == "two links":
        between = secret.with_name("between.csv")
        between.symlink_to(secret)
        os.lchown(between, STRANGER, STRANGER)
        link.symlink_to(between)  # of this user's own making
    else:
        link.symlink_to(secret)
    if how != "two links":
        os.lchown(link, STRANGER, STRANGER)
    with pytest.raises(InputError, match=r"is a link that another user has made to .* not theirs") as raised:
        run(night())
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("whose", ["ours", "theirs"])
def test_other_links_are_followed(
    night: Callable[..., Night], bring: Callable[..., Path], tmp_path: Path, whose: str
) -> None:
    link, target = bring("events", ROW).with_name("more.csv"), tmp_path / "elsewhere.csv"
    target.write_text(ROW.replace("e2", "e3"))
    link.symlink_to(target)
    if whose == "theirs":
        os.chown(target, STRANGER, STRANGER)
        os.lchown(link, STRANGER, STRANGER)
    result = run(night())
    assert next(flow.rows_out for flow in result.flows if flow.source == "events") == 2
