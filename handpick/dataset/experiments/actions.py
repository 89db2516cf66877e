"""What people did with experiments (start, stop, promote), with who and why; nights read which of them run.

The settings declare an experiment; a line of `experiments/actions.jsonl` in the lake's folder starts, stops
or promotes it, from a logical date on. Lines are only ever added, and never for a night that has lists
already, so that a night that is run again sees what it saw.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from handpick.errors import DamagedData, InputError, NightStopped
from handpick.lake.locks import hold_lock
from handpick.lake.partitions import Lake
from handpick.night import Night
from handpick.settings.experiments import ExperimentSettings
from handpick.settings.load import Settings

ACTIONS_FILE = Path("experiments") / "actions.jsonl"
"""Where the actions are kept, below the lake's root."""
LISTS = "lists/recommendations"
START, STOP, PROMOTE = "start", "stop", "promote"


@dataclass(frozen=True)
class Action:
    """One action of a person.

    Args:
        action: `start`, `stop` or `promote`.
        experiment: The experiment's name.
        variant: The variant that was promoted, else empty.
        night: First logical date on which it counts.
        who: The person's name.
        why: The person's reason.
        at: When, in UTC and ISO form.
        declaration: SHA-256 of the experiment's settings at that time.
    """

    action: str
    experiment: str
    variant: str
    night: date
    who: str
    why: str
    at: str
    declaration: str

    def to_json(self) -> str:
        """Return the action as a line of JSON."""
        return json.dumps({**asdict(self), "night": self.night.isoformat()}, sort_keys=True)


def digest_declaration(experiment: ExperimentSettings) -> str:
    """Return the SHA-256 of an experiment's settings as they are written in the file, without defaults."""
    written = experiment.model_dump(mode="json", exclude_unset=True)
    return hashlib.sha256(json.dumps(written, sort_keys=True).encode()).hexdigest()


def read_actions(lake: Lake) -> list[Action]:
    """Read all actions in the order in which they were done; none where nobody has done any.

    Raises:
        DamagedData: If the file is not what was written.
    """
    file = lake.root / ACTIONS_FILE
    if not file.is_file():
        return []
    found = []
    for number, line in enumerate(file.read_text().splitlines(), 1):
        try:
            raw = json.loads(line)
            found.append(Action(**{**raw, "night": date.fromisoformat(raw["night"])}))
        except (ValueError, TypeError, KeyError):
            raise DamagedData(
                f"{file}, line {number} is damaged: it is not what `handpick experiment` wrote, so which "
                "experiments run is not known. No list was made; restore the file from a backup."
            ) from None
    return found


def find_running(night: Night) -> list[ExperimentSettings]:
    """Return the experiments that run on a night, in the order of the settings.

    Raises:
        NightStopped: If the settings of one were changed after it was started.
    """
    actions = _group_actions(night)
    return [one for one in night.settings.experiments if _is_running(one, actions, night.logical_date)]


def find_promoted(night: Night) -> list[tuple[ExperimentSettings, Action]]:
    """Return the experiments of which a variant was promoted up to a night, oldest promotion first.

    Those that the settings do not declare any more are left out.
    """
    declared = {one.name: one for one in night.settings.experiments}
    found = [
        (declared[one.experiment], one)
        for one in read_actions(night.lake)
        if one.action == PROMOTE and one.night <= night.logical_date and one.experiment in declared
    ]
    return [pair for pair in found if pair[0].find_variant(pair[1].variant) is not None]


def find_start(actions: list[Action], name: str) -> Action | None:
    """Return the action that started an experiment; None if it has not been started."""
    return next((one for one in actions if one.experiment == name and one.action == START), None)


def find_end(actions: list[Action], name: str) -> Action | None:
    """Return the action that ended an experiment before its time; None if there is none."""
    return next((one for one in actions if one.experiment == name and one.action in (STOP, PROMOTE)), None)


def _group_actions(night: Night) -> list[Action]:
    """Return the actions that count on a night."""
    return [one for one in read_actions(night.lake) if one.night <= night.logical_date]


def _is_running(experiment: ExperimentSettings, actions: list[Action], day: date) -> bool:
    """Return whether an experiment runs on a day.

    Raises:
        NightStopped: If its settings were changed after it was started.
    """
    started = find_start(actions, experiment.name)
    if started is None or not experiment.starts_on <= day <= experiment.ends_on:
        return False
    if find_end(actions, experiment.name) is not None:
        return False
    if digest_declaration(experiment) != started.declaration:
        raise NightStopped(
            f"the settings of the experiment {experiment.name} were changed after it was started "
            f"({started.at}, by {started.who}), and its report would mix two experiments. No list was "
            f"written, the lists published last stay. Set them back, or run `handpick experiment stop "
            f"{experiment.name}` and declare another experiment under another name."
        )
    return True


def record_action(
    settings: Settings,
    name: str,
    action: str,
    *,
    who: str,
    why: str,
    variant: str = "",
    day: date | None = None,
) -> Action:
    """Start, stop or promote an experiment from a night on.

    Args:
        settings: All settings.
        name: The experiment.
        action: `start`, `stop` or `promote`.
        who: The person's name.
        why: The person's reason.
        variant: The variant to promote.
        day: First logical date on which it counts; by default the first one without lists.

    Raises:
        InputError: If something is missing or contradicts what was done before; nothing is recorded.
    """
    nothing = "nothing was recorded"
    if not who.strip() or not why.strip():
        raise InputError(f"`handpick experiment {action}` needs --who and --why; {nothing}.")
    experiment = next((one for one in settings.experiments if one.name == name), None)
    if experiment is None:
        known = ", ".join(one.name for one in settings.experiments) or "none"
        raise InputError(
            f"there is no experiment {name!r}; {nothing}. Declared in handpick.toml are: {known}."
        )
    lake = Lake(settings.path(settings.lake.root), settings.lake.lock_timeout_s)
    with hold_lock(lake.root, "experiments", f"experiment {action} {name}", lake.lock_timeout_s):
        actions = read_actions(lake)
        first = _find_first_night(lake, experiment) if action == START else _find_next_night(lake, experiment)
        chosen = first if day is None else day
        if day is not None and day < first:
            raise InputError(
                f"the night of {day} is before {first}, the first one that can still change; {nothing}. "
                "Lists that were made stay as they are."
            )
        _check_order(experiment, action, variant, actions, chosen)
        done = Action(
            action=action,
            experiment=name,
            variant=variant,
            night=chosen,
            who=who.strip(),
            why=why.strip(),
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            declaration=digest_declaration(experiment),
        )
        _append_line(lake.root / ACTIONS_FILE, done.to_json())
    return done


def _find_next_night(lake: Lake, experiment: ExperimentSettings) -> date:
    """Return the first night that has no lists yet."""
    made = lake.list_dates(LISTS)
    return made[-1] + timedelta(days=1) if made else experiment.starts_on


def _find_first_night(lake: Lake, experiment: ExperimentSettings) -> date:
    """Return the first night on which an experiment can run."""
    return max(experiment.starts_on, _find_next_night(lake, experiment))


def _check_order(
    experiment: ExperimentSettings, action: str, variant: str, actions: list[Action], day: date
) -> None:
    """Check that an action can follow those before it.

    Raises:
        InputError: If it cannot.
    """
    name = experiment.name
    started, ended = find_start(actions, name), find_end(actions, name)
    if action == START:
        if started is not None:
            raise InputError(
                f"the experiment {name} was started already, from {started.night} by {started.who}; nothing "
                "was recorded. An experiment is started once; declare another one under another name."
            )
        if day > experiment.ends_on:
            raise InputError(
                f"the experiment {name} ends on {experiment.ends_on}, before {day}, the first night that "
                "could have its lists; nothing was recorded. Set other dates."
            )
        return
    if started is None:
        raise InputError(
            f"the experiment {name} has not been started; nothing was recorded. `handpick experiment start "
            f"{name}` starts it."
        )
    if action == STOP and ended is not None:
        raise InputError(
            f"the experiment {name} has ended: {ended.action} from {ended.night} by {ended.who}; nothing was "
            "recorded."
        )
    if action == PROMOTE:
        if experiment.find_variant(variant) is None:
            known = ", ".join(one.name for one in experiment.variants)
            raise InputError(
                f"the experiment {name} has no variant {variant!r}; nothing was recorded. There are: {known}."
            )
        earlier = next((one for one in actions if one.experiment == name and one.action == PROMOTE), None)
        if earlier is not None:
            raise InputError(
                f"{earlier.variant} of {name} was promoted already, from {earlier.night} by {earlier.who}; "
                "nothing was recorded."
            )


def _append_line(file: Path, line: str) -> None:
    """Append a line so that a reader sees the old file or the new one, whole, also after a power cut."""
    file.parent.mkdir(parents=True, exist_ok=True)
    before = file.read_text() if file.is_file() else ""
    staged = file.with_suffix(".tmp")
    with staged.open("w") as out:
        out.write(f"{before}{line}\n")
        out.flush()
        os.fsync(out.fileno())
    staged.replace(file)
