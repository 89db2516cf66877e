"""What the report page and the model card share: rendering of templates, and intervals of metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape


def render_template(template: str, **values: Any) -> str:
    """Render a template of this package; every value that is not `Markup` is escaped."""
    environment = Environment(
        loader=PackageLoader("handpick.stages.report", "."), autoescape=select_autoescape()
    )
    environment.filters["count"] = lambda value: f"{value:,}"
    return environment.get_template(template).render(values)


def read_interval(row: Mapping[str, Any]) -> tuple[float, float, float]:
    """Return value, lower and upper bound of a row of `metrics.parquet`.

    The value itself where there is no bound.
    """
    value: float = row["value"]
    return value, value if row["low"] is None else row["low"], value if row["high"] is None else row["high"]
