"""`dw ca`: the certificate authorities, their states, their public halves, and their rotation."""

import click

from doorward.api.bodies.administration import RotateAuthority, Rotation
from doorward.api.calls import AUTHORITIES, ROTATE_AUTHORITY, ROTATIONS
from doorward.api.client.user import UserClient
from doorward.base.errors import Missing, Refused
from doorward.cli import shown
from doorward.cli.connection import authority


@click.group(short_help="Show the certificate authorities, and replace their keys.")
def ca() -> None:
    """Show the certificate authorities, export their public halves, and replace their keys."""


@ca.command("status", short_help="List the keys, by purpose.")
@shown.output_option("table", "json")
def status(output: str, as_json: bool) -> None:
    """List the keys, by purpose, and the pin of the installation; for administrators also what a rotation waits for."""
    with authority() as client:
        answer = client.call(AUTHORITIES)
        standing = [] if as_json or output == "json" else _rotations(client)
    if as_json or output == "json":
        shown.as_json(answer)
        return
    shown.table(
        ("PURPOSE", "STATE", "KEY", "FINGERPRINT", "SINCE"),
        [(each.purpose, each.state, each.key_id, each.fingerprint, shown.moment(each.since)) for each in answer.items],
    )
    shown.line(f"pin: {answer.pin}")
    for each in standing:
        if each.state != "stable" or each.leftovers:
            _show(each)


@ca.command("rotate", short_help="Take the next step in replacing an authority's key.")
@click.argument("purpose")
def rotate(purpose: str) -> None:
    """Take the next step in replacing the key of PURPOSE: user-ssh, session-ssh, node-host or face-host.

    Three steps: prepare (a new key is trusted beside the one that signs), switch (the new one signs), retire (the old
    one is removed). A step that would lock somebody out is refused, and says who. For administrators.
    """
    with authority() as client:
        found = [each for each in client.call(ROTATIONS).items if each.purpose == purpose]
        if not found:
            raise Missing(
                "rotating a key: there is no such purpose; user-ssh, session-ssh, node-host and face-host can be"
            )
        step = RotateAuthority(found[0].next_step)
        _show(client.call(ROTATE_AUTHORITY, step, places={"purpose": purpose}))


def _rotations(client: UserClient) -> list[Rotation]:
    try:
        return client.call(ROTATIONS).items
    except Refused:
        return []


def _show(each: Rotation) -> None:
    shown.line(f"{each.purpose} is {each.state}{' since ' + shown.moment(each.since) if each.since else ''}")
    if each.state != "stable":
        shown.line(f"next: dw ca rotate {each.purpose} ({each.next_step})")
        for wait in each.waits:
            shown.line(f"  waits for {' '.join(part for part in (wait.kind, wait.name) if part)}: {wait.reason}")
    for name in each.leftovers:
        shown.line(f"  node {name} still trusts a key that is gone: run dw nodes setup {name}")


@ca.command("export", short_help="Print the public half of one purpose's keys.")
@click.argument("purpose")
def export(purpose: str) -> None:
    """Print the public half of every key of PURPOSE: OpenSSH lines, or PEM."""
    with authority() as client:
        publics = [each.public for each in client.call(AUTHORITIES).items if each.purpose == purpose]
    if not publics:
        raise Missing("exporting keys: there is no such purpose; see dw ca status")
    for public in publics:
        shown.block(public)
