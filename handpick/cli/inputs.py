"""`handpick init`, `check`, `contracts` and `quarantine`: the shop owner's input data."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from datetime import date as Date
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from handpick.cli.options import LogicalDate, date_option
from handpick.errors import HandpickError, InputError
from handpick.errors.safe_text import make_showable
from handpick.runtime.log import SafeConsole, print_result

Source = Annotated[str, typer.Option(help="Only rows of this source: catalog, users, events or queries.")]
Rule = Annotated[str, typer.Option(help="Only rows that break this rule, named as in the ledger.")]
File = Annotated[str, typer.Option(help="Only rows from this file.")]
Line = Annotated[int | None, typer.Option(help="Only the row on this line.")]

quarantine = typer.Typer(
    help="Show rows that broke their contract, and release them into a later night.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add this module's commands to the command line."""
    panel = "Input"
    app.command("init", rich_help_panel=panel)(init)
    app.command("check", rich_help_panel=panel)(check)
    app.command("contracts", rich_help_panel=panel)(contracts)
    app.add_typer(quarantine, name="quarantine", rich_help_panel=panel)


def init(
    place: Annotated[str, typer.Argument(help="A folder, a file, or the SQLAlchemy URL of a database.")],
    out: Annotated[Path, typer.Option(help="The settings file to write.")] = Path("handpick.toml"),
    is_forced: Annotated[bool, typer.Option("--force", help="Overwrite an existing settings file.")] = False,
) -> None:
    """Inspect your files or database, propose a mapping onto the four sources, and write handpick.toml."""
    from handpick.stages.land.proposed_settings import render_settings
    from handpick.stages.land.source_discovery import discover_sources

    if not place.strip():
        raise InputError("name a folder, a file or the URL of a database; nothing was read or written.")
    try:
        found, rest = discover_sources(place)
    except OSError as error:
        raise InputError(f"{place[:200]} cannot be read: {error.strerror}; nothing was written.") from None
    if not found:
        columns = "; ".join(f"{each.where}: {', '.join(each.columns)}" for each in rest)
        raise InputError(
            f"nothing in {place} looks like phones, customers, events or queries, and no {out} was written. "
            f"Columns there: {columns}. See docs/inputs.md for writing the mapping by hand."
        )
    text = render_settings(found, place, rest)
    console = SafeConsole()
    for proposal in found:
        console.print(_proposal_table(proposal))
    questions = [
        f"{proposal.source}: {text}" for proposal in found for text in proposal.mapping.open_questions
    ]
    if questions:
        console.print(f"\nOpen questions ({len(questions)}), which `handpick check` repeats:", style="yellow")
    for question in questions:
        console.print(f"- {question}", style="yellow", soft_wrap=True)
    # The proposal is shown even then, so that it can be copied by hand.
    if out.exists() and not is_forced:
        console.print(
            f"{out} exists and was not changed (--force overwrites it). It would become:\n",
            style="yellow",
        )
        console.print(text)
        _print_preview(console, tomllib.loads(text))
        return
    out.write_text(text, encoding="utf-8")
    _print_preview(console, tomllib.loads(text))
    console.print(f"Wrote {out}. Review it, then run: handpick check --date YYYY-MM-DD")


def _print_preview(console: SafeConsole, settings: dict[str, Any], day: Date | None = None) -> None:
    """Print what would be read of ten phones, if the catalogue's files can be read.

    Args:
        console: Where to print.
        settings: Sections that win over handpick.toml.
        day: The logical date; today by default, as nothing that has arrived is later.
    """
    from handpick.cli.catalog_preview import preview_catalog
    from handpick.night import Night
    from handpick.settings.load import load

    try:
        table = preview_catalog(Night(load(**settings), day or datetime.now(UTC).date()))
    except HandpickError:  # other settings of the file are wrong, which `check` says
        return
    if table is not None:
        console.print()
        console.print(table)


def _proposal_table(proposal: object) -> Table:
    """Build the table of one source's proposed mapping; a required column without a match is red."""
    from handpick.stages.land.source_discovery import SourceProposal

    assert isinstance(proposal, SourceProposal)
    table = Table(
        title=f"{proposal.source}: {proposal.where} ({proposal.rows:,} rows inspected)", title_justify="left"
    )
    for name in ("column", "from", "confidence", "samples"):
        table.add_column(name, overflow="fold")
    for match in proposal.matches:
        inferred = proposal.mapping.describe_origin(match.column)
        table.add_row(
            match.column,
            match.owner_column or inferred or ("(missing)" if match.is_required else "-"),
            f"{match.confidence:.0%}" if match.owner_column else "",
            ", ".join(match.samples),
            style="red" if match.is_required and not match.owner_column and not inferred else "",
        )
    return table


def check(date: LogicalDate) -> None:
    """Check the input that has arrived for a night without running it, and explain what is wrong."""
    from handpick.night import Night
    from handpick.settings.load import load
    from handpick.stages.validate.dry_run import check_inputs

    findings = check_inputs(Night(load(), date.date()))
    console = SafeConsole()
    for finding in findings:
        mark = {"fine": "ok  ", "warning": "warn", "stop": "STOP"}[finding.level]
        style = {"fine": "green", "warning": "yellow", "stop": "red"}[finding.level]
        console.print(f"{mark} {finding.text}", style=style, soft_wrap=True)
    _print_preview(console, {}, date.date())
    if any(finding.level == "stop" for finding in findings):
        raise typer.Exit(1)


def contracts(
    is_written: Annotated[bool, typer.Option("--write", help="Write docs/contracts.md instead.")] = False,
    dbt: Annotated[Path | None, typer.Option(help="Write the dbt sources to this file.")] = None,
) -> None:
    """Print the contracts of the sources, or write the files that are derived from them."""
    from handpick.contracts import CONTRACTS
    from handpick.contracts.dbt_sources import render_dbt_sources
    from handpick.contracts.docs_page import render_contracts_page

    if dbt is not None:
        dbt.write_text(render_dbt_sources(CONTRACTS), encoding="utf-8")
        print_result(f"Wrote {dbt}")
    if is_written:
        page = Path("docs/contracts.md")
        page.write_text(render_contracts_page(CONTRACTS), encoding="utf-8")
        print_result(f"Wrote {page}")
    elif dbt is None:
        typer.echo(render_contracts_page(CONTRACTS))  # noqa: TID251 - a page of our own, as it is


@quarantine.command("list")
def list_reasons(date: LogicalDate, source: Source = "") -> None:
    """Show the number of quarantined rows, by source and rule."""
    from handpick.night import Night
    from handpick.quarantine import count_reasons
    from handpick.settings.load import load

    found = count_reasons(Night(load(), date.date()).lake, date.date(), source)
    if not found:
        print_result("No rows are in quarantine.")
        return
    table = Table()
    table.add_column("source")
    table.add_column("rule", overflow="fold")
    table.add_column("rows", justify="right")
    for name, reason, count in found:
        table.add_row(name, reason, f"{count:,}")
    SafeConsole().print(table)
    print_result(
        "A row counts under each rule that it breaks. To show rows: handpick quarantine show --source ... "
        "--rule ..."
    )


@quarantine.command("show")
def show(
    date: LogicalDate,
    source: Annotated[str, typer.Option(help="catalog, users, events or queries.")],
    rule: Rule = "",
    file: File = "",
    line: Line = None,
    limit: Annotated[int, typer.Option(help="Rows to show.")] = 20,
    out: Annotated[
        Path | None, typer.Option(help="Write all selected rows to this file, as JSON lines to correct.")
    ] = None,
) -> None:
    """Show quarantined rows with their file and line and every rule that they break."""
    from handpick.night import Night
    from handpick.quarantine import Selection, select_rows
    from handpick.quarantine.release import export_rows
    from handpick.settings.load import load

    night, chosen = Night(load(), date.date()), Selection(source, rule, file, line)
    if out is not None:
        out.write_text(export_rows(night, chosen), encoding="utf-8")
        print_result(
            f"Wrote {out}. Correct it, then run: handpick quarantine release --date {date.date()} --source "
            f"{source} --mended {out}"
        )
        return
    rows = select_rows(night.lake, date.date(), chosen)
    console = SafeConsole()
    for row in rows.slice(0, limit).to_pylist():
        console.print(
            make_showable(f"{row['_source_file']}:{row['_source_line']}  {'; '.join(row['_rules'])}"),
            style="yellow",
        )
        values = {
            name: value for name, value in row.items() if value is not None and not name.startswith("_")
        }
        values.pop("contract_version")  # the same for all rows of a source
        # A row may hold line breaks, which would forge a second row.
        raw = make_showable(row["_raw"] or "")
        console.print(f"  {raw if row['_raw'] is not None else values}", soft_wrap=True)
    console.print(f"{min(limit, rows.num_rows):,} of {rows.num_rows:,} rows")


@quarantine.command("release")
def release_rows(
    date: LogicalDate,
    source: Annotated[str, typer.Option(help="catalog, users, events or queries.")],
    rule: Rule = "",
    file: File = "",
    line: Line = None,
    mended: Annotated[
        Path | None, typer.Option(help="JSON lines that `show --out` wrote, after your corrections.")
    ] = None,
    into: Annotated[
        datetime | None,
        date_option("--into", "The night that receives them. Default: the next."),
    ] = None,
    why: Annotated[str, typer.Option(help="The reason, kept in the audit log.")] = "",
) -> None:
    """Release rows into a later night, unchanged or corrected; it validates them again."""
    from handpick.night import Night
    from handpick.quarantine import Selection, release_selection
    from handpick.serving.browse import name_os_user, record_action
    from handpick.settings.load import load

    # The next night by default: the night itself has been validated already.
    target = into.date() if into else date.date() + timedelta(days=1)
    night = Night(load(), date.date())
    place, count = release_selection(night, Selection(source, rule, file, line), target, mended)
    if place is not None:
        record_action(
            night.settings,
            who=name_os_user(),
            action="release",
            target=f"{count} rows of {source} of {date.date()} into {target}",
            why=why,
        )
    print_result(
        "No rows match; nothing was released."
        if place is None
        else f"Released {count:,} rows into {target}: {place}"
    )
