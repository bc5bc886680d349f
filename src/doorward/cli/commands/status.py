"""`dw status`: who is signed in here, as the authority sees it."""

import click

from doorward.api.calls import STATUS
from doorward.cli import shown
from doorward.cli.connection import authority


@click.command(short_help="Show who is signed in, and until when.")
@shown.output_option("table", "json")
def status(output: str, as_json: bool) -> None:
    """Show who is signed in, with which roles, until when, and one's other live sign-ins."""
    with authority() as client:
        answer = client.call(STATUS)
    if as_json or output == "json":
        shown.as_json(answer)
        return
    shown.line(f"{answer.user_name} until {shown.moment(answer.expires)}")
    shown.line(f"roles: {', '.join(answer.roles) or 'none'}")
    shown.line(f"live sessions: {answer.live_sessions}")
    rows = [
        (
            f"{entry.id}{' *' if entry.current else ''}",
            shown.moment(entry.created),
            shown.moment(entry.expires),
            entry.method,
            entry.source,
            entry.client,
        )
        for entry in answer.sign_ins
    ]
    shown.table(("SIGN-IN", "CREATED", "EXPIRES", "METHOD", "SOURCE", "CLIENT"), rows)
