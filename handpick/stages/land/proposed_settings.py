"""Renders the sources that `handpick init` discovered as the text of `handpick.toml`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from handpick.contracts import CONTRACTS
from handpick.stages.land.mapping_inference import render_toml_lines
from handpick.stages.land.source_discovery import SourceProposal, UnmatchedTable


def render_settings(
    proposals: Sequence[SourceProposal], place: str, rest: Sequence[UnmatchedTable] = ()
) -> str:
    """Render proposals as the text of `handpick.toml`, with comments for what was not found or not matched.

    Args:
        proposals: At most one proposal per source.
        place: The folder, file or database URL that was searched.
        rest: Files or tables that no source was matched to.
    """
    lines = [
        "# Proposed by `handpick init`. Each column is followed by its confidence; review this file before "
        "the first night.",
        "",
    ]
    if root := _find_media_root(proposals, Path(place)):
        lines += ["[lake]", f"media = {_quote_toml(root)}", ""]
    for proposal in proposals:
        lines.append(f"[sources.{proposal.source}]")
        if proposal.table:
            lines += [*_render_url(proposal.source, place), 'format = "sql"', *_render_query(proposal, place)]
        else:
            lines.append(f"path = {_quote_toml(proposal.where)}")
        lines += _render_mapping(proposal)
    for source in CONTRACTS:
        if source not in {proposal.source for proposal in proposals}:
            lines += [
                f"# No files or tables of {source} were found. If you have them, set their path and remove "
                "`needed`.",
                f"[sources.{source}]",
                'needed = "never"',
                "",
            ]
    lines += [_replace_controls(f"# Not matched: {each.where} ({', '.join(each.columns)})") for each in rest]
    return "\n".join(lines)


def _render_url(source: str, url: str) -> Iterator[str]:
    """Yield the setting of a database's URL, or how to set one with a password, which no file should hold."""
    from sqlalchemy.engine import make_url

    if make_url(url).password is None:
        yield f"url = {_quote_toml(url)}"
        return
    shown = make_url(url).set(password=None).render_as_string()
    yield "# The URL has a password and is not written here. Set it in the environment:"
    yield f"# HANDPICK__SOURCES__{source.upper()}__URL, for {_replace_controls(shown)}"


def _render_query(proposal: SourceProposal, url: str) -> Iterator[str]:
    """Yield the query of a table; that of a log with a database timestamp reads only new and late rows."""
    from sqlalchemy.engine import make_url

    quote = make_url(url).get_dialect()().identifier_preparer.quote
    columns = {match.column: match.owner_column for match in proposal.matches}
    mapping, when = proposal.mapping, columns.get("occurred_at")
    since = ""
    if when and "occurred_at" in {*mapping.times, *mapping.patterns}:
        yield (
            "# This reads the whole table every night. To read only new rows: "
            "where ... between :late and :until (UTC)."
        )
    elif when:
        since = f" where {quote(when)} >= :late and {quote(when)} < :until"
    yield f"query = {_quote_toml(f'select * from {quote(proposal.table or str())}{since}')}"  # noqa: S608 - names are declared by us, values are parameters


def _find_media_root(proposals: Sequence[SourceProposal], place: Path) -> str:
    """Return the folder that media paths are relative to; empty if none of the sampled files exists."""
    named = [
        sample
        for proposal in proposals
        for match in proposal.matches
        if match.column in ("image_path", "audio_path")
        for sample in match.samples
    ]
    folders = [place if place.is_dir() else place.parent, *(Path(each.where).parent for each in proposals)]
    found = (folder for folder in folders for name in named if name and (folder / name).is_file())
    return next((str(folder.resolve()) for folder in found), "")


def _render_mapping(proposal: SourceProposal) -> list[str]:
    """Render the mapping of one source, with comments for missing columns and confidences."""
    mapping = proposal.mapping
    missing = [
        match.column
        for match in proposal.matches
        if match.is_required and not match.owner_column and not mapping.describe_origin(match.column)
    ]
    lines = [
        f"# Required but not found: {column}. Name your column, or set constants.{column} = '...'"
        for column in missing
    ]
    if mapping.first_per_key and proposal.source == "users":
        lines.append("# No table of customers was found: they are taken from the events, each once.")
    lines += render_toml_lines(mapping, _quote_toml)
    for match in proposal.matches:
        if match.owner_column and match.owner_column != match.column:
            samples = _replace_controls(", ".join(match.samples))
            lines.append(
                f"columns.{match.column} = {_quote_toml(match.owner_column)}  # {match.confidence:.0%}: "
                f"{samples}"
            )
    lines += [f"columns.{mine} = {_quote_toml(theirs)}" for mine, theirs in mapping.columns.items()]
    return [*lines, ""]


def _replace_controls(text: str) -> str:
    """Replace control characters, which a TOML comment cannot hold, by spaces."""
    return re.sub(r"[\x00-\x1f\x7f]", " ", text)


def _quote_toml(text: str) -> str:
    """Return a text as a TOML basic string."""
    shown = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda found: f"\\u{ord(found.group()):04x}", shown) + '"'
