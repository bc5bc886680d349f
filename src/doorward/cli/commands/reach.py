"""`dw ls` and `dw explain`: what is open to one, and why something is or is not."""

from collections.abc import Mapping
from typing import Final

import click

from doorward.api.bodies.access import Explain
from doorward.api.calls import EXPLAIN, LIST_NODES
from doorward.base.errors import Invalid
from doorward.cli import shown
from doorward.cli.connection import authority
from doorward.cli.exits import ExitCode

WAY: Final = "ssh"


@click.command(short_help="List the nodes that you may reach, and as whom.")
@click.option("-l", "--label", "selectors", multiple=True, metavar="KEY[=VALUE]", help="Only nodes with this label.")
@shown.output_option("table", "json")
def ls(selectors: tuple[str, ...], output: str, as_json: bool) -> None:
    """List the nodes that you may reach now, the accounts open to you there, and their labels."""
    with authority() as client:
        nodes = [node for node in client.call(LIST_NODES).items if _selected(node.labels, selectors)]
    if as_json or output == "json":
        shown.as_json(nodes)
        return
    rows = [
        (node.name, ",".join(node.logins), "" if node.verified else "unverified", shown.labels_text(node.labels))
        for node in nodes
    ]
    shown.table(("NODE", "LOGINS", "STATE", "LABELS"), rows)


def _way(_context: click.Context, _parameter: click.Parameter, word: str | None) -> str:
    if word != WAY:  # most often it is the node already
        raise click.UsageError("Explain what? Write dw explain ssh LOGIN@NODE")
    return word


@click.command(short_help="Say whether something would open, and why.")
@click.argument("kind", metavar="{ssh}", required=False, callback=_way)
@click.argument("target", metavar="LOGIN@NODE")
@click.option("--user", "user_name", metavar="NAME", help="For somebody else; needs the right to read both.")
@shown.output_option("table", "json")
def explain(kind: str, target: str, user_name: str | None, output: str, as_json: bool) -> int:
    """Say whether LOGIN@NODE would open now, and why. The exit code is 0 when it would, 3 when it would not."""
    login, at, node = target.rpartition("@")
    if not at or not login or not node:
        raise Invalid("reading the target: LOGIN@NODE is expected")
    with authority() as client:
        answer = client.call(EXPLAIN, Explain(node=node, login=login, user=user_name))
    if as_json or output == "json":
        shown.as_json(answer)
    else:
        shown.line(f"{'allowed' if answer.allowed else 'denied'}: {kind} {target}")
        for text in answer.lines:
            shown.line(f"  {text}")
    return ExitCode.OK if answer.allowed else ExitCode.REFUSED


def _selected(labels: Mapping[str, str], selectors: tuple[str, ...]) -> bool:
    for selector in selectors:
        key, has_value, value = selector.partition("=")
        if key not in labels or (has_value and labels[key] != value):
            return False
    return True
