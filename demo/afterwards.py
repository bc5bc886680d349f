"""The demo that stays up: what to type, each line ready to be copied."""

import shlex
import signal
import sys
from pathlib import Path
from typing import Final

from demo.narrator import Narrator
from demo.people import Person
from demo.stage import CHECKOUT, Stage
from demo.story import Cast

_BIN: Final = Path(sys.executable).parent


def write_snippets(stage: Stage, cast: Cast) -> dict[str, Path]:
    """A file for each person, to be read into a shell: from then on `dw` is theirs, and so is `dw-ssh-config`."""
    written = {}
    for person in (cast.admin, cast.alice, cast.carol):
        file = stage.folder / f"{person.name}.sh"
        code = f"{shlex.quote(str(_BIN / 'python'))} -c {shlex.quote(_code_program(person))}"
        file.write_text(
            f"# Read this into your shell: . {shlex.quote(str(file))}\n"
            f"export DOORWARD_HOME={shlex.quote(str(person.keep))}\n"
            f'dw() {{ {shlex.quote(str(_BIN / "dw"))} "$@"; }}\n'
            f"totp() {{ {code}; }}\n"
        )
        (person.home / "ssh_config").write_text(person.dw("config", "ssh"))
        written[person.name] = file
    return written


def show_lines(stage: Stage, cast: Cast, narrator: Narrator) -> None:
    """What to type now."""
    files = write_snippets(stage, cast)
    login, allowed, forbidden = stage.login, stage.allowed.name, stage.forbidden.name
    config = shlex.quote(str(cast.alice.home / "ssh_config"))
    narrator.plain()
    narrator.plain("Doorward stays up until Ctrl-C. In another terminal:")
    _lines(
        narrator,
        "be alice, the developer",
        f". {_short(files['alice'])}",
        "dw ls",
        f"dw ssh {login}@{allowed}",
        f"ssh -F {config} {login}@{allowed}@localhost uptime",
        f"dw explain ssh {login}@{allowed}",
        f"dw ssh {login}@{forbidden}",
    )
    _lines(
        narrator,
        "be the administrator",
        f". {_short(files['admin'])}",
        "dw sessions ls --live",
        'dw lock add --user alice --message "ask me first" --name demo',
        "dw lock rm demo",
        "dw audit search --since 10m --limit 20",
    )
    _lines(
        narrator,
        "be carol, the auditor",
        f". {_short(files['carol'])}",
        "dw recordings ls",
        "dw play SESSION",
        "dw audit verify",
    )
    _lines(
        narrator,
        f"sign in again as any of them: the password is {cast.alice.password!r}, `totp` prints the code",
        "totp",
        f"dw login {stage.installation.url} --user alice",
    )
    narrator.plain("  secrets for an authenticator app instead:")
    for person in (cast.admin, cast.alice, cast.carol):
        narrator.plain(f"    {person.name:6} {person.totp_secret}")
    narrator.plain()


def wait_for_end() -> None:
    """Until Ctrl-C, or a polite request to end."""
    signal.sigwait({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})


def _lines(narrator: Narrator, title: str, *commands: str) -> None:
    narrator.plain(f"\n  {title}")
    for command in commands:
        narrator.plain(f"    {command}")


def _short(file: Path) -> str:
    return shlex.quote(str(file.relative_to(CHECKOUT) if file.is_relative_to(CHECKOUT) else file))


def _code_program(person: Person) -> str:
    return f"import pyotp; print(pyotp.TOTP('{person.totp_secret}').now())"
