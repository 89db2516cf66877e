"""Options that several commands share."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

LogicalDate = Annotated[
    datetime, typer.Option("--date", formats=["%Y-%m-%d"], help="The logical date, YYYY-MM-DD.")
]
