"""`dw nodes`: making nodes known, and setting their sshd up."""

from pathlib import Path

import click

from doorward.api.bodies.administration import NodeSetup, PinHostKey
from doorward.api.calls import LIST_RESOURCES, NODE_SETUP, PIN_HOST_KEY
from doorward.base.clock import SystemClock
from doorward.base.errors import Invalid
from doorward.cli import shown
from doorward.cli.commands.resources import remove_resource
from doorward.cli.composed import node_document, parse_labels
from doorward.cli.connection import authority
from doorward.cli.declared import apply_document, print_changes, print_resources
from doorward.cli.exits import say
from doorward.cli.keep import Keep
from doorward.cli.profile import live_profile
from doorward.cli.setup_run import run_setup


@click.group(short_help="Add, set up, list and remove nodes.")
def nodes() -> None:
    """Add, set up, list and remove nodes."""


@nodes.command("add", short_help="Make a node known.")
@click.argument("name")
@click.option("--address", required=True, metavar="HOST:PORT", help="Where gateways reach its sshd.")
@click.option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="May be repeated.")
def add(name: str, address: str, labels: tuple[str, ...]) -> None:
    """Make a node known. It opens for nobody before its host key is known: see dw nodes setup and host-key."""
    document = node_document(name, address, parse_labels(labels))
    with authority() as client:
        print_changes(apply_document(client, document))


@nodes.command("setup", short_help="Print or run the script that prepares a node's sshd.")
@click.argument("name")
@click.argument("destination", required=False, metavar="[root@HOST[:PORT]]")
@click.option(
    "--login", "logins", multiple=True, required=True, metavar="LOGIN", help="An account to open; repeatable."
)
@click.option("--exclusive", is_flag=True, help="Turn other ways of logging in off.")
@click.option("--replace", is_flag=True, help="Forget its host key: it is another machine now, or has a new key.")
@click.option("--url", metavar="URL", help="Where the node reaches the authority; else as you do.")
@click.option(
    "--gateway-address",
    "gateway_addresses",
    multiple=True,
    metavar="ADDRESS[/BITS]",
    help="Where gateways come from, for the node; repeatable. Else where the authority sees them.",
)
@click.option("--run", "run", is_flag=True, help="Run it over ssh instead of printing it.")
@click.option(
    "--ssh-key", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The key for this once, with --run."
)
def setup(
    *,
    name: str,
    destination: str | None,
    logins: tuple[str, ...],
    exclusive: bool,
    replace: bool,
    url: str | None,
    gateway_addresses: tuple[str, ...],
    run: bool,
    ssh_key: Path | None,
) -> int:
    """Print the script that prepares a node's sshd; it holds a one-time token and is run there as root.

    A node that is known by another host key is locked when the script runs, unless --replace said so before.

    With --run it goes over the stock ssh to root@HOST, with a key given for this once.
    """
    if run and (destination is None or ssh_key is None):
        raise Invalid("setting up a node: --run needs root@HOST and --ssh-key FILE")
    if not run and (destination is not None or ssh_key is not None):
        raise Invalid("setting up a node: root@HOST and --ssh-key go with --run")
    wanted = NodeSetup(
        logins=[*logins],
        url=url or live_profile(Keep.of_user(), SystemClock().now()).url,
        exclusive=exclusive,
        replace=replace,
        gateway_addresses=[*gateway_addresses],
    )
    with authority() as client:
        answer = client.call(NODE_SETUP, wanted, places={"name": name})
    if run and destination is not None and ssh_key is not None:
        return run_setup(answer.script, destination, ssh_key)
    shown.block(answer.script)
    say(f"the token in this script is good until {shown.moment(answer.expires)}, once")
    return 0


@nodes.command("host-key", short_help="Say which host key a node has.")
@click.argument("name")
@click.argument("fingerprint", metavar="SHA256:...")
@click.option("--authorities", is_flag=True, help="Its sshd trusts all that dw ca export session-ssh prints now.")
def host_key(name: str, fingerprint: str, *, authorities: bool) -> None:
    """Say which host key a node has, as `ssh-keygen -lf` prints it on the node; any other is refused from then on.

    A rotation of session-ssh waits until --authorities said of each node without a set-up script that it has the new
    key.
    """
    with authority() as client:
        said = PinHostKey(fingerprint=fingerprint, authorities_installed=authorities)
        view = client.call(PIN_HOST_KEY, said, places={"name": name})
    shown.line(f"{view.kind}/{view.name} has the host key {fingerprint}")


@nodes.command("ls", short_help="List every node that is declared.")
@shown.output_option("table", "yaml", "json")
def list_nodes(output: str, as_json: bool) -> None:
    """List every node that is declared; `dw ls` lists those that are open to you."""
    with authority() as client:
        views = client.call(LIST_RESOURCES, places={"kind": "node"}).items
    print_resources(views, "json" if as_json else output, single=False)


@nodes.command("rm", short_help="Remove a node.")
@click.argument("name")
def remove(name: str) -> None:
    """Remove a node; its sessions end."""
    remove_resource("node", name)
