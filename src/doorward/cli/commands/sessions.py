"""`dw sessions`: what is open, what was, and ending it."""

import json
from typing import Final

import click

from doorward.api.bodies.sessions import EndSession, SessionView
from doorward.api.calls import END_SESSION, GET_SESSION, LIST_SESSIONS
from doorward.cli import shown
from doorward.cli.connection import authority

_MOMENTS: Final = frozenset({"opened", "started", "ended"})


@click.group(short_help="List, show and end sessions.")
def sessions() -> None:
    """List, show and end sessions."""


@sessions.command("ls", short_help="List sessions, newest first.")
@click.option("--user", "user_name", metavar="NAME", help="Only those of this user.")
@click.option("--node", "node_name", metavar="NAME", help="Only those on this node.")
@click.option("--live", is_flag=True, help="Only those that are open now.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most so many.")
@shown.output_option("table", "json")
def list_sessions(
    *, user_name: str | None, node_name: str | None, live: bool, limit: int, output: str, as_json: bool
) -> None:
    """List sessions, newest first."""
    query = {"limit": str(limit)}
    if user_name:
        query["user"] = user_name
    if node_name:
        query["node"] = node_name
    if live:
        query["live"] = "true"
    with authority() as client:
        items = client.call(LIST_SESSIONS, query=query).items
    if as_json or output == "json":
        shown.as_json(items)
        return
    rows = [
        (
            each.id,
            each.user_name,
            f"{each.login}@{each.node_name}",
            shown.moment(each.opened),
            each.state,
            each.end_reason or "",
        )
        for each in items
    ]
    shown.table(("SESSION", "USER", "TARGET", "OPENED", "STATE", "ENDED BECAUSE"), rows)


@sessions.command("show", short_help="Show one session.")
@click.argument("session_id", metavar="SESSION")
@shown.output_option("table", "json")
def show(session_id: str, output: str, as_json: bool) -> None:
    """Show one session."""
    with authority() as client:
        _print(client.call(GET_SESSION, places={"session_id": session_id}), as_json=as_json or output == "json")


@sessions.command("end", short_help="End a session now.")
@click.argument("session_id", metavar="SESSION")
@click.option("--message", default="", help="What its user is told.")
def end(session_id: str, message: str) -> None:
    """End a session now; its user sees the message."""
    with authority() as client:
        answer = client.call(END_SESSION, EndSession(message=message), places={"session_id": session_id})
    shown.line(f"{answer.id} {answer.state}")


def _print(view: SessionView, *, as_json: bool) -> None:
    if as_json:
        shown.as_json(view)
        return
    for name in view.__struct_fields__:
        value = getattr(view, name)
        if name == "facts":
            for fact, said in view.facts.items():
                shown.line(f"{fact.replace('_', ' ')}: {said if isinstance(said, str) else json.dumps(said)}")
        elif value not in (None, "", {}):
            text = shown.moment(value) if name in _MOMENTS else value
            shown.line(f"{name.replace('_', ' ')}: {text}")
