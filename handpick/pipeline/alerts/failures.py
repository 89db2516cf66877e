"""What stopped a night, from the records that its stages leave when they fail."""

from __future__ import annotations

import json
from contextlib import suppress

from handpick.night import Night
from handpick.pipeline.registry import list_nightly_names
from handpick.stages.report.verdict import Finding, Kind, Light, Owner


def find_failures(night: Night) -> list[Finding]:
    """Return the failures of a night's stages that have not been mended since, in the night's order."""
    found = []
    for stage in list_nightly_names():
        with suppress(OSError, ValueError, KeyError):
            reason = str(json.loads(night.failure_file(stage).read_text())["reason"])
            found.append(
                Finding(
                    Kind.FAILED,
                    Light.ACT,
                    f"The night of {night.logical_date} stopped at {stage}: {reason}",
                    f"Mend the cause, then clear the task {stage} in Airflow, or run `handpick night --date "
                    f"{night.logical_date}`.",
                    Owner.OPERATOR,
                    night.logical_date,
                    stage,
                )
            )
    return found
