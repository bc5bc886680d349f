"""The stock ssh as a person types it, and what it said."""

import subprocess
from typing import Final

from demo.narrator import Narrator
from demo.people import Person
from demo.stage import Stage

SSH_SECONDS_MAX: Final = 30


class StockSsh:
    """Account, node and gateway stand in the destination; the options say where the certificate lies."""

    def __init__(self, stage: Stage, narrator: Narrator) -> None:
        self._stage = stage
        self._say = narrator

    def command(self, person: Person, node: str, *words: str, terminal: bool = False) -> list[str]:
        """The whole command line."""
        flags = ["-tt"] if terminal else []
        port = str(self._stage.installation.port)
        target = f"{self._stage.login}@{node}@localhost"
        return ["ssh", *person.ssh_options(), *flags, "-p", port, target, *words]

    def run(self, person: Person, node: str, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command there, and show both what was typed and what came back."""
        words = self.command(person, node, command)
        self._say.typed(shortened(words))
        done = subprocess.run(
            words,
            env=person.env(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SSH_SECONDS_MAX,
            check=False,
        )
        self._say.came_back(done.stdout + done.stderr)
        return done


def shortened(words: list[str]) -> list[str]:
    """The command without the options that say where the certificate lies; the demo's last lines show those."""
    shown, rest = [words[0]], iter(words[1:])
    for word in rest:
        if word in ("-o", "-F"):
            next(rest)
        else:
            shown.append(word)
    return shown
