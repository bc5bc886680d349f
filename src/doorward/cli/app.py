"""The tree of commands, and the edge where errors become a line and an exit code."""

import sys
from typing import Final

import click

from doorward.base.errors import DoorwardError
from doorward.cli.exits import ExitCode, close_output, report, say
from doorward.cli.lazy_group import LazyGroup
from doorward.cli.ssh_start import CanNotStart

_HERE: Final = "doorward.cli.commands"
COMMANDS: Final = {
    "login": (f"{_HERE}.login:login", "Sign in, or enrol with a one-time code."),
    "logout": (f"{_HERE}.logout:logout", "End the sign-in and remove its keys."),
    "status": (f"{_HERE}.status:status", "Show who is signed in, and until when."),
    "mfa": (f"{_HERE}.mfa:mfa", "Give the second factor ahead of sessions."),
    "ls": (f"{_HERE}.reach:ls", "List the nodes that you may reach, and as whom."),
    "ssh": (f"{_HERE}.config:ssh", "Open a session on a node with the stock ssh."),
    "explain": (f"{_HERE}.reach:explain", "Say whether something would open, and why."),
    "proxy": (f"{_HERE}.config:proxy", "Carry another program's connection to the gateway."),
    "config": (f"{_HERE}.config:config", "Print configuration for other programs."),
    "sessions": (f"{_HERE}.sessions:sessions", "List, show and end sessions."),
    "recordings": (f"{_HERE}.recordings:recordings", "List and export recordings."),
    "play": (f"{_HERE}.recordings:play", "Replay the recording of a session."),
    "apply": (f"{_HERE}.resources:apply", "Create or change what YAML files declare."),
    "get": (f"{_HERE}.resources:get", "Show what is declared."),
    "rm": (f"{_HERE}.resources:rm", "Remove something declared."),
    "policy": (f"{_HERE}.policy:policy", "Test roles against expected decisions, without a server."),
    "users": (f"{_HERE}.users:users", "Add, invite, reset, disable and list users."),
    "nodes": (f"{_HERE}.nodes:nodes", "Add, set up, list and remove nodes."),
    "gateways": (f"{_HERE}.gateways:gateways", "List, disable and remove gateways."),
    "lock": (f"{_HERE}.locks:lock", "Deny at once, cutting live sessions."),
    "tokens": (f"{_HERE}.tokens:tokens", "Let a machine join."),
    "audit": (f"{_HERE}.audit:audit", "Search, verify and erase from the audit log."),
    "ca": (f"{_HERE}.authorities:ca", "Show the certificate authorities, and replace their keys."),
    "version": (f"{_HERE}.version:version", "Print the version."),
}


@click.command(
    cls=LazyGroup,
    lazy=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
def root() -> None:
    """Reach nodes through Doorward: with certificates that live a minute, recorded, and only when policy allows."""


def run_app(arguments: list[str]) -> int:
    """Run one command; every error of ours ends here."""
    try:
        result = root.main(args=arguments, prog_name="dw", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return ExitCode.USAGE
    except click.UsageError as error:
        place = error.ctx.command_path if error.ctx else "dw"
        say(f"{_one_line(error).rstrip('.')}; see {place} --help")
        return ExitCode.USAGE
    except click.ClickException as error:
        say(_one_line(error))
        return ExitCode.FAILED
    except (click.Abort, KeyboardInterrupt):
        say("interrupted")
        return ExitCode.INTERRUPTED
    except CanNotStart as error:
        say(str(error))
        return error.exit_code
    except DoorwardError as error:
        return report(error)
    except BrokenPipeError:
        close_output()
        return ExitCode.FAILED
    except OSError as error:
        say(f"{error.filename or 'the operating system'}: {error.strerror or error}")
        return ExitCode.FAILED
    return int(result) if isinstance(result, int) else ExitCode.OK


def _one_line(error: click.ClickException) -> str:
    """What click says; it puts choices on lines of their own, which would come out as escapes."""
    return " ".join(error.format_message().split())
