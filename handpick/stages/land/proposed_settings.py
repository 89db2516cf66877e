"""What `handpick init` found, written as `handpick.toml`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from handpick.contracts import CONTRACTS
from handpick.stages.land.mapping_inference import toml_lines
from handpick.stages.land.source_discovery import Proposal, Unplaced


def settings_text(proposals: Sequence[Proposal], place: str, rest: Sequence[Unplaced] = ()) -> str:
    """The proposals as `handpick.toml`; what could not be found, or placed, is a comment that says so."""
    lines = [
        "# Proposed by `handpick init`. Confidence stands behind each column; read it through before the first night.",
        "",
    ]
    if root := _media_root(proposals, Path(place)):
        lines += ["[lake]", f"media = {_quoted(root)}", ""]
    for proposal in proposals:
        lines.append(f"[sources.{proposal.source}]")
        if proposal.table:
            lines += [
                f"url = {_quoted(place)}",
                'format = "sql"',
                *_query(proposal, place),
            ]
        else:
            lines.append(f"path = {_quoted(proposal.where)}")
        lines += _mapping(proposal)
    for source in CONTRACTS:
        if source not in {proposal.source for proposal in proposals}:
            lines += [
                f"# Nothing here looks like {source}. Where you have them: name their path, and take this away.",
                f"[sources.{source}]",
                'needed = "never"',
                "",
            ]
    lines += [_oneline(f"# Not placed: {each.where} ({', '.join(each.columns)})") for each in rest]
    return "\n".join(lines)


def _query(proposal: Proposal, url: str) -> Iterator[str]:
    """The query of a table; of a log, rows since the last night and late ones, where the database can compare times."""
    from sqlalchemy.engine import make_url

    quote = make_url(url).get_dialect()().identifier_preparer.quote
    mine = {match.column: match.theirs for match in proposal.matches}
    completion, when = proposal.completion, mine.get("occurred_at")
    since = ""
    if when and "occurred_at" in {*completion.times, *completion.patterns}:
        yield "# This reads the whole table every night. To read what is new: where ... between :late and :until (UTC)."
    elif when:
        since = f" where {quote(when)} >= :late and {quote(when)} < :until"
    yield f"query = {_quoted(f'select * from {quote(proposal.table or str())}{since}')}"


def _media_root(proposals: Sequence[Proposal], place: Path) -> str:
    """The folder below which the first picture or recording that is named lies; empty if none does."""
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


def _mapping(proposal: Proposal) -> list[str]:
    completion = proposal.completion
    missing = [
        match.column
        for match in proposal.matches
        if match.is_required and not match.theirs and not completion.told(match.column)
    ]
    lines = [
        f"# Not found, and needed: {column}. Name your column, or set constants.{column} = '...'"
        for column in missing
    ]
    if completion.first_per_key:
        lines.append("# There is no table of customers, so they are taken from the events, each once.")
    if "consent" in completion.constants:
        lines.append("# Set consent to true only if you may make lists for these customers.")
    lines += toml_lines(completion, _quoted)
    for match in proposal.matches:
        if match.theirs and match.theirs != match.column:
            samples = _oneline(", ".join(match.samples))
            lines.append(
                f"columns.{match.column} = {_quoted(match.theirs)}  # {match.confidence:.0%}: {samples}"
            )
    lines += [f"columns.{mine} = {_quoted(theirs)}" for mine, theirs in completion.columns.items()]
    return [*lines, ""]


def _oneline(text: str) -> str:
    """Text that a comment can hold."""
    return re.sub(r"[\x00-\x1f\x7f]", " ", text)


def _quoted(text: str) -> str:
    """A TOML basic string of the text."""
    shown = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda found: f"\\u{ord(found.group()):04x}", shown) + '"'
