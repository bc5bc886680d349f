"""`dw lock`: deny at once, to whom and what is named, and cut what is open."""

from datetime import datetime

import click

from doorward.api.calls import LIST_RESOURCES
from doorward.base.clock import SystemClock
from doorward.base.duration import parse_duration
from doorward.base.entropy import SystemEntropy
from doorward.base.errors import Invalid
from doorward.cli import shown
from doorward.cli.commands.resources import remove_resource
from doorward.cli.composed import lock_document
from doorward.cli.connection import authority
from doorward.cli.declared import apply_document, print_changes, resources_yaml

NAME_BYTES = 5


@click.group(short_help="Deny at once, cutting live sessions.")
def lock() -> None:
    """Deny at once, to whom and what a lock names, and cut the sessions that it names."""


@lock.command("add", short_help="Lock a user, a role, a login or a node.")
@click.option("--user", metavar="NAME", help="This user.")
@click.option("--role", metavar="NAME", help="Everybody with this role.")
@click.option("--login", metavar="LOGIN", help="This account, on every node.")
@click.option("--node", metavar="NAME", help="This node.")
@click.option("--session", metavar="SESSION", help="This session, by its id; see dw sessions ls.")
@click.option("--message", default="", help="What the people concerned are told.")
@click.option("--expires", metavar="DURATION", help="For how long, such as 2h; without it, until the lock is removed.")
@click.option("--name", metavar="NAME", help="The lock's own name; made up when not given.")
def add(message: str, expires: str | None, name: str | None, **named: str | None) -> None:
    """Lock what is named; naming several things locks only what is all of them."""
    target = {field: value for field, value in named.items() if value}
    if not target:
        raise Invalid("locking: name what to lock with --user, --role, --login, --node or --session")
    end = lock_end(expires, SystemClock().now()) if expires else None
    document = lock_document(name or f"lock-{SystemEntropy().token(NAME_BYTES).hex()}", target, message, end)
    with authority() as client:
        print_changes(apply_document(client, document))


@lock.command("ls", short_help="List locks.")
@shown.output_option("table", "yaml", "json")
def list_locks(output: str, as_json: bool) -> None:
    """List locks."""
    with authority() as client:
        views = client.call(LIST_RESOURCES, places={"kind": "lock"}).items
    if as_json or output == "json":
        shown.as_json(views)
    elif output == "yaml":
        shown.block(resources_yaml(views))
    else:
        shown.table(("LOCK", "TARGET", "EXPIRES", "MESSAGE"), [_row(view.name, view.document) for view in views])


@lock.command("rm", short_help="Remove a lock.")
@click.argument("name")
def remove(name: str) -> None:
    """Remove a lock. What it cut stays cut."""
    remove_resource("lock", name)


def lock_end(expires: str, now: datetime) -> str:
    """RFC 3339 of `now` and a duration."""
    return (now + parse_duration(expires)).replace(microsecond=0).isoformat()


def _row(name: str, document: dict[str, object]) -> tuple[str, ...]:
    spec = document.get("spec")
    fields = spec if isinstance(spec, dict) else {}
    target = fields.get("target")
    named = shown.labels_text(target) if isinstance(target, dict) else ""
    return name, named, shown.moment(str(fields.get("expires", ""))), str(fields.get("message", ""))
