"""`dw users`: adding people, and letting them set up their factors (again)."""

import shlex

import click

from doorward.api.bodies.administration import AddUser, IssuedCode
from doorward.api.calls import ADD_USER, GET_RESOURCE, INVITE_USER, LIST_RESOURCES, RESET_USER
from doorward.base.clock import SystemClock
from doorward.cli import shown
from doorward.cli.composed import disabled_user
from doorward.cli.connection import authority
from doorward.cli.declared import apply_document, print_changes, print_resources
from doorward.cli.keep import Keep
from doorward.cli.profile import live_profile


@click.group(short_help="Add, invite, reset, disable and list users.")
def users() -> None:
    """Add, invite, reset, disable and list users."""


@users.command("add", short_help="Add a user, and print an invitation.")
@click.argument("name")
@click.option("--role", "roles", multiple=True, required=True, metavar="ROLE", help="May be repeated.")
@shown.output_option("table", "json")
def add(name: str, roles: tuple[str, ...], output: str, as_json: bool) -> None:
    """Add a user with roles, and print the one-time code by which they enrol."""
    with authority() as client:
        issued = client.call(ADD_USER, AddUser(name=name, roles=[*roles]))
    _print(issued, as_json=as_json or output == "json")


@users.command("invite", short_help="Print a new invitation for a user.")
@click.argument("name")
@shown.output_option("table", "json")
def invite(name: str, output: str, as_json: bool) -> None:
    """Print a new one-time code for a user who has not enrolled; the one before ends."""
    with authority() as client:
        issued = client.call(INVITE_USER, places={"name": name})
    _print(issued, as_json=as_json or output == "json")


@users.command("reset", short_help="Take a user's factors away, and print a code for new ones.")
@click.argument("name")
@shown.output_option("table", "json")
def reset(name: str, output: str, as_json: bool) -> None:
    """Take a user's password and second factors away, end their sign-ins, and print a code for setting up new ones."""
    with authority() as client:
        issued = client.call(RESET_USER, places={"name": name})
    _print(issued, as_json=as_json or output == "json")


@users.command("disable", short_help="Let a user do nothing any more.")
@click.argument("name")
def disable(name: str) -> None:
    """Let a user do nothing any more; what they have open ends."""
    with authority() as client:
        seen = client.call(GET_RESOURCE, places={"kind": "user", "name": name})
        print_changes(apply_document(client, disabled_user(seen.document)))


@users.command("ls", short_help="List users.")
@shown.output_option("table", "yaml", "json")
def list_users(output: str, as_json: bool) -> None:
    """List users."""
    with authority() as client:
        views = client.call(LIST_RESOURCES, places={"kind": "user"}).items
    print_resources(views, "json" if as_json else output, single=False)


def _print(issued: IssuedCode, *, as_json: bool) -> None:
    if as_json:
        shown.as_json(issued)
        return
    url = live_profile(Keep.of_user(), SystemClock().now()).url
    shown.line(f"{issued.user_name} may enrol until {shown.moment(issued.expires)}, once, with:")
    words = ["dw", "login", url, "--ca-pin", issued.pin, "--code", "-"]
    shown.line(f"  {shlex.join(words)}")
    # Asked for, not a word of the command: those stand in the list of processes and in a shell's history.
    shown.line(f"code: {issued.code}")
