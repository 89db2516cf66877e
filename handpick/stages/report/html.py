"""What the report and the model card share: templates, and an interval of an evaluated figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape


def rendered(template: str, **values: Any) -> str:
    """A page of this room's templates; every value that is not markup is escaped."""
    environment = Environment(
        loader=PackageLoader("handpick.stages.report", "."), autoescape=select_autoescape()
    )
    environment.filters["count"] = lambda value: f"{value:,}"
    return environment.get_template(template).render(values)


def interval(row: Mapping[str, Any]) -> tuple[float, float, float]:
    """Value, lower and upper bound of a row of `metrics.parquet`; the value thrice where nobody resampled."""
    value: float = row["value"]
    return value, value if row["low"] is None else row["low"], value if row["high"] is None else row["high"]
