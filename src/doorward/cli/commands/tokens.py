"""`dw tokens`: one-time tokens by which machines join."""

import click

from doorward.api.bodies.administration import IssueToken
from doorward.api.calls import ISSUE_TOKEN
from doorward.cli import shown
from doorward.cli.composed import parse_scope
from doorward.cli.connection import authority


@click.group(short_help="Let a machine join.")
def tokens() -> None:
    """Let a machine join, once, within ten minutes."""


@tokens.command("add", short_help="Issue a one-time token.")
@click.option("--type", "kind", type=click.Choice(["gateway"]), required=True, help="What may join.")
@click.option("--name", required=True, metavar="NAME", help="What it is called here.")
@click.option(
    "--host",
    "names",
    multiple=True,
    required=True,
    metavar="HOST",
    help="A host name or address under which users come to it; repeatable.",
)
@click.option(
    "--scope",
    multiple=True,
    metavar="KEY=VALUE",
    help="A label of nodes that it may reach, *=* for every node; repeatable. Without one: all but critical nodes.",
)
@shown.output_option("table", "json")
def add(*, kind: str, name: str, names: tuple[str, ...], scope: tuple[str, ...], output: str, as_json: bool) -> None:
    """Issue a token for one machine; it is shown once. This takes the role admin."""
    wanted = IssueToken(kind=kind, name=name, names=[*names], scope=parse_scope(scope))
    with authority() as client:
        answer = client.call(ISSUE_TOKEN, wanted)
    if as_json or output == "json":
        shown.as_json(answer)
        return
    shown.line(f"token: {answer.token}")
    shown.line(f"expires: {shown.moment(answer.expires)}")
    shown.line(f"pin: {answer.pin}")
