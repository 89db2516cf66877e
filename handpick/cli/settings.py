"""`handpick settings`: every key of `handpick.toml`, with its default and what it does."""

from __future__ import annotations

from collections.abc import Iterator

import typer
from pydantic import BaseModel


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("settings", rich_help_panel="Whole nights")(settings)


def settings() -> None:
    """Print every key of handpick.toml with its default, as the page docs/configuration.md shows it."""
    typer.echo(page(), nl=False)


def page() -> str:
    """The configuration page, in Markdown; derived from the typed settings, so that it cannot differ from them."""
    from handpick.settings.load import Settings

    lines = [
        "# Configuration",
        "",
        "All behaviour is set in `handpick.toml`. An environment variable overrides a key: `HANDPICK__SECTION__KEY`, for",
        "example `HANDPICK__SERVING__DSN`. Relative paths start at the folder of the file. This page is made by",
        "`handpick settings`.",
    ]
    for name, field in Settings.model_fields.items():
        section = field.default
        if not isinstance(section, BaseModel):
            continue
        about = (type(section).__doc__ or "").strip().splitlines()[0]
        lines += ["", f"## `[{name}]`", "", about, "", "| key | default | what it does |", "|---|---|---|"]
        lines += [f"| `{key}` | {default} | {what} |" for key, default, what in _keys(section)]
    return "\n".join(lines) + "\n"


def _keys(section: BaseModel, prefix: str = "") -> Iterator[tuple[str, str, str]]:
    for key, field in type(section).model_fields.items():
        value = getattr(section, key)
        if isinstance(value, BaseModel):
            yield from _keys(value, f"{prefix}{key}.")
            continue
        default = "" if value is None else f"`{value}`".replace("|", "\\|")
        yield f"{prefix}{key}", default, " ".join((field.description or "").split()).replace("|", "\\|")
