"""`dw mfa`: give the second factor now, so that sessions do not ask for it for a while."""

import click

from doorward.api.bodies.sign_ins import VerifyAhead
from doorward.api.calls import VERIFY_AHEAD
from doorward.cli import shown
from doorward.cli.connection import authority
from doorward.cli.prompts import Prompts


@click.command(short_help="Give the second factor ahead of sessions.")
@click.option("--code-stdin", is_flag=True, help="Read the code from standard input.")
def mfa(*, code_stdin: bool) -> None:
    """Give a code of the second factor before a session asks for it.

    It counts for sessions from this address, for as long as their roles say with mfa_verification_interval; where they
    say nothing, each session asks by itself.
    """
    code = Prompts(from_stdin=code_stdin).time_based_code()
    with authority() as client:
        verified = client.call(VERIFY_AHEAD, VerifyAhead(totp_code=code))
    shown.line(f"second factor given at {shown.moment(verified.at)} from {verified.source}")
