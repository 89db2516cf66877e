"""Renders the HTML pages that stages write; texts of others are only text in them."""

from __future__ import annotations

from typing import Any

from jinja2 import BaseLoader, Environment, PackageLoader, select_autoescape
from markupsafe import Markup, escape

from handpick.errors.safe_text import make_showable

CONTENT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
)
"""Content security policy of these pages, which every one also carries itself, as it may be opened as a file.

They need no script and load nothing.
"""


def render_page(package: str, template: str, **values: Any) -> str:
    """Render a template as a page.

    Args:
        package: The package that holds the template.
        template: Its file name.
        values: Its values. All that is not `Markup` is escaped, including its control characters, and shown
            without secrets.
    """
    return (
        build_environment(PackageLoader(package, "."))
        .get_template(template)
        .render(content_policy=CONTENT_POLICY, **values)
    )


def build_environment(loader: BaseLoader) -> Environment:
    """Build the environment of templates in which every text that is not `Markup` is escaped."""
    environment = Environment(
        loader=loader,
        autoescape=select_autoescape(default=True, default_for_string=True),
        finalize=_finalize,
    )
    environment.filters["count"] = lambda value: f"{value:,}"
    environment.filters["mark_code"] = _mark_code
    return environment


def _mark_code(text: str) -> Markup:
    """Return a text, escaped, in which what stands between backticks is marked as code."""
    parts = make_showable(text, keep_breaks=True).split("`")
    if len(parts) % 2 == 0:  # a backtick of the text itself
        return escape("`".join(parts))
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part)
        for number, part in enumerate(parts)
    )


def _finalize(value: Any) -> Any:
    """Make the text of an expression showable, and leave out what is None."""
    if value is None:
        return ""
    if isinstance(value, str) and not isinstance(value, Markup):
        return make_showable(value, keep_breaks=True)
    return value
