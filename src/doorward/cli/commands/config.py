"""`dw config ssh` and the face of `dw ssh`."""

import click

from doorward.base.clock import SystemClock
from doorward.cli import shown
from doorward.cli.keep import Keep
from doorward.cli.profile import Profile, live_profile
from doorward.cli.sign_in_files import gateway_address, proven_name
from doorward.cli.ssh_start import run, ssh_options


@click.group(short_help="Print configuration for other programs.")
def config() -> None:
    """Print configuration for other programs."""


@config.command("ssh", short_help="Print a block for ssh_config.")
def config_ssh() -> None:
    """Print the block of ssh_config after which `ssh LOGIN@NODE@GATEWAY` works, host key checking on.

    Put it at the beginning of ~/.ssh/config: of each option the first value holds.
    """
    keep = Keep.of_user()
    profile = live_profile(keep, SystemClock().now())
    shown.block(ssh_config_text(str(keep.directory), profile))


def ssh_config_text(home: str, profile: Profile) -> str:
    """One block for each port on which gateways listen."""
    by_port: dict[int, list[str]] = {profile.gateway_port: [profile.gateway_host]}
    for name in profile.gateway_names:
        host, port = gateway_address(name, profile.gateway_port)
        if host not in by_port.setdefault(port, []):
            by_port[port].append(host)
    lines = [f"# Doorward: ssh LOGIN@NODE@{profile.gateway_host}"]
    for port, hosts in by_port.items():
        lines.append(f"Host {' '.join(hosts)}")
        lines.extend(f"    {name} {value}" for name, value in ssh_options(home, port, proven_name(profile)))
    return "\n".join(lines) + "\n"


@click.command(
    short_help="Open a session on a node with the stock ssh.", context_settings={"ignore_unknown_options": True}
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[SSH OPTIONS] LOGIN@NODE [COMMAND...]")
def ssh(arguments: tuple[str, ...]) -> int:
    """Open a session on NODE as LOGIN, with the ssh of this machine and all of its options, but -l, -p and -J."""
    return run([*arguments])
