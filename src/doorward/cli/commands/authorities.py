"""`dw ca`: the certificate authorities, their states and their public halves."""

import click

from doorward.api.calls import AUTHORITIES
from doorward.base.errors import Missing
from doorward.cli import shown
from doorward.cli.connection import authority


@click.group(short_help="Show the certificate authorities.")
def ca() -> None:
    """Show the certificate authorities and export their public halves."""


@ca.command("status", short_help="List the keys, by purpose.")
@shown.output_option("table", "json")
def status(output: str, as_json: bool) -> None:
    """List the keys, by purpose, and the pin of the installation."""
    with authority() as client:
        answer = client.call(AUTHORITIES)
    if as_json or output == "json":
        shown.as_json(answer)
        return
    shown.table(
        ("PURPOSE", "STATE", "KEY", "FINGERPRINT"),
        [(each.purpose, each.state, each.key_id, each.fingerprint) for each in answer.items],
    )
    shown.line(f"pin: {answer.pin}")


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
