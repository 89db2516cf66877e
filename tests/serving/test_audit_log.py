"""What people did is recorded also where no database answers, and read together with what is in one."""

from __future__ import annotations

from pathlib import Path

from handpick.serving.browse import read_actions, record_action
from handpick.settings.load import Settings


def test_an_action_before_the_first_publish_is_kept_in_the_lake(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert read_actions(settings) == []
    record_action(settings, who="mia", action="release", target="3 rows", why="prices are right\nreally")
    record_action(settings, who="noa", action="override", target="promote", why="")
    assert [(one.who, one.action, one.why) for one in read_actions(settings)] == [
        ("noa", "override", ""),
        ("mia", "release", "prices are right\nreally"),
    ]
    assert not (tmp_path / "var" / "postgres").exists(), "no server is started for it"
