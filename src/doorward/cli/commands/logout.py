"""`dw logout`: end the sign-in at the authority, and leave no key of it here."""

import click
import msgspec

from doorward.api.calls import SIGN_OUT
from doorward.base.clock import SystemClock
from doorward.base.errors import DoorwardError
from doorward.cli import ssh_agent
from doorward.cli.connection import client_for
from doorward.cli.exits import ExitCode, exit_code_of, say
from doorward.cli.keep import SIGN_IN_FILES, SSH_KEY, Keep
from doorward.cli.profile import Profile, load_profile, save_profile


@click.command(short_help="End the sign-in and remove its keys.")
def logout() -> int:
    """End the sign-in, and with it its live sessions; remove the keys from here and from ssh-agent.

    The keys go even when the authority can not be told; the exit code then says so.
    """
    keep = Keep.of_user()
    profile = load_profile(keep)
    if profile is None or not profile.sign_in_id:
        click.echo("nobody was signed in")
        return ExitCode.OK
    exit_code = _end(keep, profile)
    ssh_agent.remove_key(keep.path(SSH_KEY))
    for name in SIGN_IN_FILES:
        keep.remove(name)
    save_profile(keep, msgspec.structs.replace(profile, sign_in_id=""))
    click.echo("signed out")
    return exit_code


def _end(keep: Keep, profile: Profile) -> ExitCode:
    if profile.expires <= SystemClock().now():
        return ExitCode.OK
    try:
        with client_for(keep, profile) as client:
            client.call(SIGN_OUT, places={"sign_in_id": profile.sign_in_id})
    except DoorwardError as error:
        say(f"the keys are gone from here, but the authority was not told: {error.message}")
        return exit_code_of(error)
    return ExitCode.OK
