"""Plots as inline SVG without scripts; their colours are the stylesheet's, in light, dark and print.

The same numbers give the same text. Points have their figures as tooltips, and legends stand above the plot,
where they hide nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

WIDTH = 640
"""Width of a plot in its own units; it is scaled to the page."""
COLOURS = 6
"""Colours of series in the stylesheet (`s0` …); further series repeat them dashed, then dotted."""
MAX_DOTTED_POINTS = 45
"""Series with more points than this are lines without visible dots."""
MAX_TOOLTIPS = 60
"""Points of a series with a tooltip: with those of 300 nights a page would have a megabyte."""
MAX_LABELS = 7
"""Labels on the horizontal axis."""

Interval = tuple[float, float, float]
"""A value with its lower and upper bound; all three are equal where there are none."""


@dataclass(frozen=True)
class Frame:
    """The plotting area of a line plot, and the values at its edges.

    Args:
        left: Its left edge; likewise `right`, `top` and `bottom`.
        low: Value at the bottom; `high` that at the top.
        columns: Number of positions along the horizontal axis.
    """

    left: float
    right: float
    top: float
    bottom: float
    low: float
    high: float
    columns: int

    def x(self, column: int) -> float:
        """Return the horizontal place of a position."""
        return self.left + (self.right - self.left) * (
            column / (self.columns - 1) if self.columns > 1 else 0.5
        )

    def y(self, value: float) -> float:
        """Return the vertical place of a value."""
        return self.bottom - (self.bottom - self.top) * (value - self.low) / (self.high - self.low)


def plot_learning_curves(curves: Mapping[str, Mapping[str, Sequence[float]]]) -> Markup:
    """Plot loss and validation metric by epoch, one plot for each.

    Args:
        curves: `{fit: {series: values by epoch}}`.
    """
    names = dict.fromkeys(name for fit in curves.values() for name in fit)
    found = []
    for name in names:
        lines = {fit: values[name] for fit, values in curves.items() if name in values}
        epochs = max(len(values) for values in lines.values())
        columns = [f"epoch {number + 1}" for number in range(epochs)]
        found.append(plot_lines(columns, lines, f"{name} by epoch", "", starts_at_zero=False))
    return Markup("").join(found)


def plot_intervals(values: Mapping[str, Interval], title: str, *, marked: str | None = None) -> Markup:
    """Plot points with intervals horizontally, best on top.

    Args:
        values: `{label: (value, low, high)}`.
        title: Title of the plot.
        marked: A label that is drawn in another colour.
    """
    labels = sorted(values, key=lambda label: (-values[label][0], label))
    step, top, left, right = 22, 6, 186, WIDTH - 172
    high = _choose_ticks(0.0, max((max(value) for value in values.values()), default=1.0))[-1]
    parts = []
    for row, label in enumerate(labels):
        value, lower, upper = values[label]
        y = top + step * row + step / 2
        x = [left + (right - left) * max(0.0, number) / high for number in (lower, value, upper)]
        bounds = "" if lower == upper else f" ({lower:.3f} to {upper:.3f})"
        style = "mark" if label == marked else "row"
        parts.append(
            f'<g class="{style}"><title>{escape(label)}: {value:.4f}{bounds}</title>'
            f'<line class="rule" x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="{left - 10}" y="{y + 4:.1f}" text-anchor="end">{escape(label)}</text>'
            f'<line class="span" x1="{x[0]:.1f}" x2="{x[2]:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<circle cx="{x[1]:.1f}" cy="{y:.1f}" r="4"/>'
            f'<text class="figure" x="{right + 10}" y="{y + 4:.1f}">{value:.3f}'
            f'<tspan class="more">{bounds}</tspan></text></g>'
        )
    described = "; ".join(f"{label} {values[label][0]:.4f}" for label in labels)
    return _draw_figure(title, "", top * 2 + step * len(labels), "".join(parts), described, ())


def plot_by_night(
    series: Mapping[str, Mapping[str, float | Interval]],
    title: str,
    unit: str,
    *,
    starts_at_zero: bool = True,
) -> Markup:
    """Plot lines over nights.

    Args:
        series: `{label: {night in ISO form: value, or value with interval}}`.
        title: Title of the plot.
        unit: Unit of the values, shown beside the title.
        starts_at_zero: Whether the axis of values starts at 0.
    """
    nights = sorted({night for values in series.values() for night in values})
    lines = {label: [values.get(night) for night in nights] for label, values in series.items()}
    return plot_lines(nights, lines, title, unit, starts_at_zero=starts_at_zero)


def plot_lines(
    columns: Sequence[str],
    lines: Mapping[str, Sequence[float | Interval | None]],
    title: str,
    unit: str,
    *,
    starts_at_zero: bool = True,
) -> Markup:
    """Plot lines over labelled columns, with bands where values have intervals.

    Args:
        columns: Labels along the horizontal axis, in order.
        lines: `{label: value by column}`; None leaves a gap.
        title: Title of the plot.
        unit: Unit of the values; percent if it begins with `%`.
        starts_at_zero: Whether the axis of values starts at 0.
    """
    spans = {label: [_to_interval(value) for value in values] for label, values in lines.items()}
    known = [span for values in spans.values() for span in values if span is not None]
    low = 0.0 if starts_at_zero or not known else min(min(span) for span in known)
    ticks = _choose_ticks(low, max((max(span) for span in known), default=1.0))
    frame = Frame(62, WIDTH - 14, 10, 200, ticks[0], ticks[-1], len(columns))
    parts = [_draw_axes(frame, ticks, columns)]
    # All bands first, so that none covers a line.
    for number, values in enumerate(spans.values()):
        parts.append(_draw_band(frame, values, number))
    for number, (label, values) in enumerate(spans.items()):
        parts.append(_draw_line(frame, columns, label, values, number))
    described = "; ".join(
        f"{label}: last {values[-1][0]:.4g}"
        for label, found in spans.items()
        if (values := [span for span in found if span is not None])
    )
    return _draw_figure(title, unit, 226, "".join(parts), described, tuple(spans))


def read_interval(row: Mapping[str, Any]) -> Interval:
    """Return value, lower and upper bound of a row of `metrics.parquet`.

    The value itself where there is no bound.
    """
    value: float = row["value"]
    return value, value if row["low"] is None else row["low"], value if row["high"] is None else row["high"]


def _to_interval(value: float | Interval | None) -> Interval | None:
    """Return a value as an interval; None for a gap, which NaN is too."""
    span = value if isinstance(value, tuple) else None if value is None else (value, value, value)
    return None if span is None or any(math.isnan(number) for number in span) else span


def _choose_ticks(low: float, high: float) -> list[float]:
    """Return four to seven round values that enclose an interval."""
    if not math.isfinite(high) or high <= low:
        high = low + (abs(low) or 1.0)
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, max(last, first + 1) + 1)]


def _draw_axes(frame: Frame, ticks: Sequence[float], columns: Sequence[str]) -> str:
    """Draw the grid with its values, and the labels of some columns."""
    drawn = [
        f'<line class="rule" x1="{frame.left}" x2="{frame.right}" y1="{frame.y(tick):.1f}" '
        f'y2="{frame.y(tick):.1f}"/><text x="{frame.left - 8}" y="{frame.y(tick) + 4:.1f}" '
        f'text-anchor="end">{tick:,.6g}</text>'
        for tick in ticks
    ]
    step = max(1, math.ceil(len(columns) / MAX_LABELS))
    for column in range(0, len(columns), step):
        anchor = "middle" if 0 < column < len(columns) - 1 else "start" if column == 0 else "end"
        if len(columns) == 1:
            anchor = "middle"
        drawn.append(
            f'<text x="{frame.x(column):.1f}" y="{frame.bottom + 20}" text-anchor="{anchor}">'
            f"{escape(columns[column])}</text>"
        )
    return "".join(drawn)


def _draw_band(frame: Frame, values: Sequence[Interval | None], number: int) -> str:
    """Draw the intervals of a series as bands, one for each run without gaps."""
    drawn = []
    for run in _find_runs(values):
        if all(span[1] == span[2] for _, span in run):
            continue
        if len(run) == 1:
            ((column, span),) = run
            x = frame.x(column)
            drawn.append(
                f'<line class="s{number % COLOURS} band-one" x1="{x:.1f}" x2="{x:.1f}" '
                f'y1="{frame.y(span[1]):.1f}" y2="{frame.y(span[2]):.1f}"/>'
            )
            continue
        upper = [f"{frame.x(column):.1f},{frame.y(span[2]):.1f}" for column, span in run]
        lower = [f"{frame.x(column):.1f},{frame.y(span[1]):.1f}" for column, span in reversed(run)]
        drawn.append(f'<polygon class="s{number % COLOURS} band" points="{" ".join(upper + lower)}"/>')
    return "".join(drawn)


def _draw_line(
    frame: Frame, columns: Sequence[str], label: str, values: Sequence[Interval | None], number: int
) -> str:
    """Draw a series: its line, and its points with tooltips."""
    style = f"s{number % COLOURS} d{number // COLOURS}"
    drawn = []
    for run in _find_runs(values):
        points = " ".join(f"{frame.x(column):.1f},{frame.y(span[0]):.1f}" for column, span in run)
        drawn.append(f'<polyline class="{style}" points="{points}"/>')
    dot = "dot" if len(columns) <= MAX_DOTTED_POINTS else "dot faint"
    # Counted from the last column, which is the one that is looked at.
    step = math.ceil(len(columns) / MAX_TOOLTIPS)
    for column, span in enumerate(values):
        if span is not None and (len(columns) - 1 - column) % step == 0:
            bounds = "" if span[1] == span[2] else f" ({span[1]:.4g} to {span[2]:.4g})"
            drawn.append(
                f'<circle class="{style} {dot}" cx="{frame.x(column):.1f}" cy="{frame.y(span[0]):.1f}" r="3">'
                f"<title>{escape(label)}, {escape(columns[column])}: {span[0]:,.4g}{bounds}</title></circle>"
            )
    return "".join(drawn)


def _find_runs(values: Sequence[Interval | None]) -> list[list[tuple[int, Interval]]]:
    """Return the runs of columns without a gap, each with its values."""
    runs: list[list[tuple[int, Interval]]] = []
    previous = None
    for column, span in enumerate(values):
        if span is None:
            continue
        if previous is None or previous != column - 1:
            runs.append([])
        runs[-1].append((column, span))
        previous = column
    return runs


def _draw_figure(
    title: str, unit: str, height: float, content: str, described: str, legend: Sequence[str]
) -> Markup:
    """Put a plot into a figure with its title, unit and legend; one series needs no legend."""
    keys = "".join(
        f'<li><svg class="key" viewBox="0 0 24 10" aria-hidden="true"><line class="s{number % COLOURS} '
        f'd{number // COLOURS}" x1="1" x2="23" y1="5" y2="5"/></svg>{escape(label)}</li>'
        for number, label in enumerate(legend)
    )
    named = f'<ul class="legend">{keys}</ul>' if len(legend) > 1 else ""
    measured = f' <span class="soft">{escape(unit)}</span>' if unit else ""
    return Markup(  # noqa: S704 - every text in it is escaped
        f'<figure class="plot"><figcaption>{escape(title)}{measured}</figcaption>{named}'
        f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{escape(title)}: {escape(described)}">'
        f"{content}</svg></figure>"
    )
