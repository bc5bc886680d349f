"""`dw gateways`: which gateways there are, and taking one out of service."""

import click

from doorward.api.bodies.administration import GatewayView
from doorward.api.calls import DISABLE_GATEWAY, LIST_GATEWAYS, REMOVE_GATEWAY
from doorward.cli import shown
from doorward.cli.connection import authority


@click.group(short_help="List, disable and remove gateways.")
def gateways() -> None:
    """List, disable and remove gateways. This takes the role admin; see dw tokens for letting one join."""


@gateways.command("ls", short_help="List every gateway.")
@shown.output_option("table", "json")
def list_gateways(output: str, as_json: bool) -> None:
    """List every gateway, whether it is in contact, and how many sessions it has."""
    with authority() as client:
        items = client.call(LIST_GATEWAYS).items
    if as_json or output == "json":
        shown.as_json(items)
        return
    rows = [
        (each.name, each.state, str(each.sessions), ",".join(each.names), shown.moment(each.joined)) for each in items
    ]
    shown.table(("GATEWAY", "STATE", "SESSIONS", "HOSTS", "JOINED"), rows)


@gateways.command("disable", short_help="Let a gateway in no more.")
@click.argument("name")
def disable(name: str) -> None:
    """Let a gateway in no more: its sessions are cut at once. Its name and hosts stay taken."""
    with authority() as client:
        _say("disabled", client.call(DISABLE_GATEWAY, places={"name": name}))


@gateways.command("rm", short_help="Remove a gateway.")
@click.argument("name")
def remove(name: str) -> None:
    """Remove a gateway for good: its sessions are cut at once, and another may join under its name and hosts."""
    with authority() as client:
        _say("removed", client.call(REMOVE_GATEWAY, places={"name": name}))


def _say(what: str, gateway: GatewayView) -> None:
    shown.line(f"gateway {gateway.name} {what}")
    if gateway.sessions:
        shown.line(f"{gateway.sessions} sessions are being cut")
        shown.line("what the gateway does not confirm counts as over when its lease has run out")
