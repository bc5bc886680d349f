"""`dw audit`: search the log, erase who is gone from it, and check that it adds up."""

import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import click

from doorward.api.bodies.audit import AuditEntry, EraseUser
from doorward.api.calls import ERASE_USER, SEARCH_AUDIT, VERIFY_AUDIT
from doorward.base.clock import SystemClock
from doorward.base.duration import parse_duration
from doorward.base.errors import Invalid
from doorward.base.moment_text import moment_text
from doorward.cli import shown
from doorward.cli.connection import authority
from doorward.cli.exits import ExitCode

LEFT_AFTER_ERASING: Final = (
    "sessions: name, account, node and address, in the table sessions of the database (dw sessions ls)",
    "recordings: name, and what was typed and shown, in the store of recordings (dw recordings ls)",
    "sign-ins: address and client, in the table sign_ins",
    "an identity at a provider: its issuer and subject, in the table identity_links",
    "copies: doorward backup, exported recordings, what was searched and kept elsewhere",
)


@click.group(short_help="Search, verify and erase from the audit log.")
def audit() -> None:
    """Search and verify the audit log, and erase from it who was removed."""


@audit.command("search", short_help="Find entries, newest first.")
@click.option("--since", metavar="TIME", help="RFC 3339, or a duration before now such as 2h.")
@click.option("--until", metavar="TIME", help="RFC 3339, or a duration before now.")
@click.option(
    "--user", "--person", "user", metavar="NAME", help="Who did it, or to whom; a user's or person's id will do."
)
@click.option("--resource", metavar="KIND/NAME", help="What it was done to; an id will do.")
@click.option("--session", metavar="SESSION", help="In which session.")
@click.option("--type", "event_type", metavar="TYPE[,TYPE]", help="Which events.")
@click.option("--before", type=click.IntRange(min=0), metavar="NUMBER", help="Continue before this entry.")
@click.option("--limit", type=click.IntRange(1, 500), default=100, show_default=True, help="At most so many.")
@shown.output_option("table", "json")
def search(
    *,
    since: str | None,
    until: str | None,
    user: str | None,
    resource: str | None,
    session: str | None,
    event_type: str | None,
    before: int | None,
    limit: int,
    output: str,
    as_json: bool,
) -> None:
    """Find entries, newest first; the parts of the question all have to match."""
    now = SystemClock().now()
    wanted = {
        "since": moment(since, now) if since else None,
        "until": moment(until, now) if until else None,
        "user": user,
        "resource": resource,
        "session": session,
        "type": event_type,
        "before": None if before is None else str(before),
        "limit": str(limit),
    }
    with authority() as client:
        page = client.call(SEARCH_AUDIT, query={name: value for name, value in wanted.items() if value is not None})
    if as_json or output == "json":
        shown.as_json(page)
        return
    shown.table(("NUMBER", "AT", "TYPE", "ACTOR", "FIELDS"), [_row(entry) for entry in page.items])
    if page.next_before is not None:
        shown.line(f"older ones: {_again(wanted, page.next_before)}")


@audit.command("erase", short_help="Remove what the log holds about a removed user.")
@click.argument("user", metavar="NAME|ID")
@shown.output_option("table", "json")
def erase(user: str, output: str, as_json: bool) -> None:
    """Remove the values that the log holds about a user who was removed; hashes stay, and the log still verifies.

    It can not be undone. It empties the log and nothing else: rows of sessions and sign-ins, links to identities at a
    provider, recordings and copies stay, and the answer says where each is.
    """
    with authority() as client:
        erased = client.call(ERASE_USER, EraseUser(user))
    if as_json or output == "json":
        shown.as_json(erased)
    else:
        shown.line(f"erased {erased.user_id} from {erased.entries} entries of the log")
        shown.line("what is left is no part of the log, and names them still:")
        for text in LEFT_AFTER_ERASING:
            shown.line(f"  {text}")


@audit.command("verify", short_help="Check that the log adds up.")
@shown.output_option("table", "json")
def verify(output: str, as_json: bool) -> int:
    """Check every entry, every salted value and the root. The exit code is 1 when something does not add up."""
    with authority() as client:
        answer = client.call(VERIFY_AUDIT)
    if as_json or output == "json":
        shown.as_json(answer)
    elif answer.ok:
        shown.line(f"verified: {answer.entries} entries, root {answer.root_hash}")
        if answer.erased:
            shown.line(f"values of {answer.erased} entries were erased, as events tell")
        if answer.checkpoint:
            shown.line("signed checkpoint, keep it elsewhere:")  # against a log that is rewritten whole, head included
        for text in answer.checkpoint.splitlines():
            shown.line(f"  {text}")
    else:
        shown.line(f"NOT verified: {answer.problem} (entry {answer.problem_entry})")
    return ExitCode.OK if answer.ok else ExitCode.FAILED


def moment(text: str, now: datetime) -> str:
    """RFC 3339 in UTC of a time with a zone, or of a duration before `now`."""
    try:
        return moment_text(now - parse_duration(text))
    except Invalid:
        pass
    try:
        given = datetime.fromisoformat(text)
    except ValueError as error:
        raise Invalid("reading a time: 2026-01-31T12:00:00Z or a duration such as 2h is expected") from error
    if given.tzinfo is None:
        raise Invalid("reading a time: it needs a zone, such as the Z in 2026-01-31T12:00:00Z")
    return given.astimezone(UTC).isoformat().replace("+00:00", "Z")  # exact: what was typed may have fractions


def _again(wanted: Mapping[str, str | None], before: int) -> str:
    """The command that continues the same search; times stand as they were understood."""
    words = ["dw", "audit", "search"]
    for name, value in {**wanted, "before": str(before)}.items():
        if value:
            words += [f"--{name}", value]
    return shlex.join(words)


def _row(entry: AuditEntry) -> tuple[str, ...]:
    fields = " ".join(f"{name}={value}" for name, value in sorted(entry.fields.items()))
    return str(entry.number), shown.moment(entry.at), entry.type, entry.actor, fields
