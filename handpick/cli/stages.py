"""`handpick stages`: print what each stage reads, writes and needs, from the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from handpick.pipeline.registry import Stage

Markdown = Annotated[
    bool, typer.Option("--markdown", help="Print the page docs/stages.md instead of a table.")
]


def register(app: typer.Typer) -> None:
    """Add this module's command to the command line."""
    app.command("stages", rich_help_panel="Look inside")(stages)


def stages(markdown: Markdown = False) -> None:
    """Print the stages in their order: what each reads, writes and needs."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from handpick.pipeline.registry import STAGES
    from handpick.runtime.log import SafeConsole

    if markdown:
        typer.echo(render_stages_page(), nl=False)  # noqa: TID251 - a page of our own, as it is
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for heading in ("stage", "what it does", "reads", "writes"):
        table.add_column(heading, overflow="fold")
    for stage in STAGES:
        table.add_row(stage.command, stage.title, ", ".join(stage.reads), ", ".join(stage.writes))
    SafeConsole().print(table)


def render_stages_page() -> str:
    """Return the documentation page of the stages in Markdown."""
    from handpick.pipeline.registry import STAGES

    lines = [
        "<!-- Written by `handpick stages --markdown` from handpick/pipeline/registry.py. -->",
        "# The stages",
        "",
        "A night runs the stages in this order. Each is a command (`handpick <stage> --date YYYY-MM-DD`), a",
        "task of the DAG `nightly_recommendations`, and a package `handpick/stages/<stage>/` with",
        "`run(night) -> StageResult`. Names such as `clean` stand for all lake tables `clean/…`.",
    ]
    for stage in STAGES:
        lines += ["", f"## {stage.command}", "", f"{stage.title}.", ""]
        if not stage.is_nightly:
            lines += ["Not part of a night: it has a schedule of its own.", ""]
        lines += [
            f"- reads {', '.join(_describe_input(stage, table) for table in stage.reads)}",
            f"- writes {_join_code(stage.writes)}",
        ]
        lines += [f"- needs {resource}" for resource in stage.resources]
        for check in stage.flows:
            who = "every source" if check.source == "*" else f"`{check.source}`"
            checks = [f"the rows out of {who} are those of `{check.written}`"] if check.written else []
            checks += [f"the rows dropped are those of `{check.dropped}`"] if check.dropped else []
            if check.continues:
                origin, source = check.continues
                checks.append(
                    f"the rows in are the rows out of {origin}" + ("" if source == "*" else f", `{source}`")
                )
            lines.append(f"- ledger: {'; '.join(checks)}")
        if stage.former_name:
            lines.append(f"- was called `{stage.former_name}` before")
    return "\n".join(lines) + "\n"


def _describe_input(stage: Stage, table: str) -> str:
    """Return an input of a stage as Markdown code, with the stages that write it where there are any."""
    from handpick.pipeline.registry import find_input_stages

    writers = [other.command for other in find_input_stages(stage) if table in other.writes]
    return f"`{table}`" + (f" (from {', '.join(writers)})" if writers else "")


def _join_code(names: tuple[str, ...]) -> str:
    """Return names as Markdown code, separated by commas."""
    return ", ".join(f"`{name}`" for name in names)
