"""`handpick erase`: remove a person from everything that Handpick holds; list and check the proofs."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from handpick.runtime.log import print_result

User = Annotated[str | None, typer.Argument(help="The person's id, as the shop's files have it.")]


def register(app: typer.Typer) -> None:
    """Add this module's command to the command line."""
    app.command("erase", rich_help_panel="Look after it")(erase)


def erase(
    user: User = None,
    why: Annotated[
        str, typer.Option(help="The reason, for the audit log; without the person.")
    ] = "the person asked for it",
    who: Annotated[str, typer.Option(help="Who decides. Default: the system user.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; there is no way back.")] = False,
) -> None:
    """Erase a person from files, lake, stores, lists, logs and later nights; without USER list the proofs.

    The exit status is 1 if the person is still found somewhere at the end.
    """
    from datetime import UTC, datetime

    from handpick.settings.load import load

    settings = load()
    if user is None:
        _print_proofs()
        return
    from handpick.pipeline.erase.erase_user import erase_user

    if not yes:
        typer.confirm(
            f"Erase {user}? There is no way back, and every night that runs is waited for", abort=True
        )
    done = erase_user(settings, user, datetime.now(UTC), who or getpass.getuser(), why)
    for place, count in done.removed.items():
        print_result(f"  {count:>9,}  {place}")
    print_result(f"{sum(done.removed.values()):,} rows and files were removed. What remains:")
    for sentence in done.remains:
        print_result(f"  {sentence}")
    print_result(f"The proof, which does not name the person: {done.proof}")
    if done.found:
        for file in done.found:
            print_result(f"still found in {file}")
        print_result("Remove the person there by hand, or say why it cannot be; then run this again.")
        raise typer.Exit(1)
    print_result("The person was searched for in all files afterwards, and not found.")


def _print_proofs() -> None:
    """Print a line for each proof, and whether it is as it was written."""
    from handpick.lake.erased_users import ErasedUsers
    from handpick.pipeline.erase.proof import list_proofs
    from handpick.settings.load import load

    proofs = list_proofs(ErasedUsers.load(load()))
    for proof in proofs:
        said = proof.content
        if not proof.is_genuine:
            print_result(f"{proof.name}: is not as it was written, or by another key")
            continue
        print_result(
            f"{proof.name}: {sum(said['removed'].values()):,} rows and files, began {said['began_at']}"
        )
    if not proofs:
        print_result("Nobody was erased.")
    if not all(proof.is_genuine for proof in proofs):
        raise typer.Exit(1)
