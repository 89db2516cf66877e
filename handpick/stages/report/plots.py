"""The report's plots as inline SVG; the same numbers give the same text."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl

mpl.use("svg")  # before pyplot is imported, which would choose a backend with a window
import matplotlib.pyplot as plt
from markupsafe import Markup
from matplotlib.figure import Figure

PLOT_STYLE: Any = {
    # Without a fixed salt matplotlib draws random ids, and the report would differ from run to run.
    "svg.hashsalt": "handpick",
    "svg.fonttype": "none",
    # A name with dollar signs is a name, not a formula, which could be wrong and stop the night.
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "figure.constrained_layout.use": True,
}


def render_svg(figure: Figure) -> Markup:
    """Return a figure as inline SVG without XML header and dates, and close it."""
    sink = io.StringIO()
    figure.savefig(sink, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    text = sink.getvalue()
    # The XML declaration and doctype before it are not allowed inside HTML.
    return Markup(text[text.index("<svg") :])  # noqa: S704 - matplotlib escapes the texts in it


def plot_learning_curves(curves: Mapping[str, Mapping[str, Sequence[float]]]) -> Markup:
    """Plot loss and validation metric by epoch, one panel each.

    Args:
        curves: `{fit: {series: values by epoch}}`; series that are not numbers are left out.
    """
    series = {name: 0 for fit in curves.values() for name in fit}
    with plt.rc_context(PLOT_STYLE):
        figure, axes = plt.subplots(
            1, max(1, len(series)), figsize=(4.2 * max(1, len(series)), 2.8), squeeze=False
        )
        for axis, name in zip(axes[0], series, strict=False):
            for fit, values in curves.items():
                if name in values:
                    axis.plot(
                        range(1, len(values[name]) + 1), values[name], marker="o", markersize=3, label=fit
                    )
            axis.set_xlabel("epoch")
            axis.set_title(name)
            axis.legend(frameon=False)
        return render_svg(figure)


def plot_intervals(values: Mapping[str, tuple[float, float, float]], title: str) -> Markup:
    """Plot points with intervals horizontally, best on top.

    Args:
        values: `{label: (value, low, high)}`.
        title: Title of the plot.
    """
    labels = sorted(values, key=lambda label: values[label][0])
    with plt.rc_context(PLOT_STYLE):
        figure, axis = plt.subplots(figsize=(6.4, 0.6 + 0.28 * max(1, len(labels))))
        for row, label in enumerate(labels):
            value, low, high = values[label]
            axis.plot([low, high], [row, row], color="#8fb4d8", linewidth=4, solid_capstyle="round")
            axis.plot(value, row, "o", color="#1f4e79", markersize=5)
        axis.set_yticks(range(len(labels)), labels)
        axis.set_title(title)
        axis.set_xlim(left=0)
        return render_svg(figure)


def plot_by_night(series: Mapping[str, Mapping[str, float]], title: str, unit: str) -> Markup:
    """Plot lines over nights.

    Args:
        series: `{label: {night in ISO form: value}}`.
        title: Title of the plot.
        unit: Label of the value axis.
    """
    nights = sorted({night for values in series.values() for night in values})
    with plt.rc_context(PLOT_STYLE):
        figure, axis = plt.subplots(figsize=(6.4, 2.8))
        for label, values in series.items():
            known = [night for night in nights if night in values]
            axis.plot(
                [nights.index(night) for night in known],
                [values[night] for night in known],
                "o-",
                label=label,
            )
        axis.set_xticks(range(len(nights)), nights, rotation=30, ha="right")
        axis.set_ylabel(unit)
        axis.set_ylim(bottom=0)
        axis.set_title(title)
        if series:
            axis.legend(frameon=False, fontsize=8)
        return render_svg(figure)


def read_interval(row: Mapping[str, Any]) -> tuple[float, float, float]:
    """Return value, lower and upper bound of a row of `metrics.parquet`.

    The value itself where there is no bound.
    """
    value: float = row["value"]
    return value, value if row["low"] is None else row["low"], value if row["high"] is None else row["high"]
