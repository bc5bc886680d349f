"""`dw ssh`: from the command line to stock ssh in milliseconds (ADR 0018).

What a start needs lies in one small file that the last sign-in wrote, next to the keys. Only built-in modules are
loaded here: `typing`, `json` or `re` alone would cost as much as everything this module does.

The options that say whom to believe come first on ssh's command line, where the first value of an option holds.
"""

import os
import sys
import time

DOOR_FILE = "door"
DOOR_FORMAT = "doorward-door-2"
DOOR_LINES = 7
DOOR_BYTES_MAX = 4096
USAGE_EXIT = 2
NOT_SIGNED_IN_EXIT = 4
FAILED_EXIT = 1
UNIX_SOCKET_PATH_MAX = 107
# While it is being made, ssh gives a control socket a random suffix of a dot and 16 characters.
CONTROL_SOCKET_SUFFIX = 17
CONTROL_SOCKET_HASH = 40

# Of ssh(1): options that take a value, and those among them that would contradict what we say.
WITH_VALUE = frozenset("BbcDEeFIiJLlmOopQRSWw")
SAID_BY_US = frozenset("Jlp")
_LOGIN_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.@+-")
_NO_NAMES = "that is no LOGIN@NODE: there is a character in it that neither has"
_NODE_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-")
# What OpenSSH would expand or take apart inside a quoted path.
_UNQUOTABLE = frozenset('"\\$\n\r\t\0')


class Door:
    """When the sign-in expires (seconds since 1970), where the gateway listens, which name it proves, nodes' suffix,
    the installation's id.

    No dataclass: loading that module alone takes longer than starting ssh may.
    """

    __slots__ = ("expires_seconds", "host", "installation", "name", "port", "suffix")

    def __init__(
        self, expires_seconds: int, host: str, port: int, *, name: str, suffix: str, installation: str
    ) -> None:
        self.expires_seconds = expires_seconds
        self.host = host
        self.port = port
        self.name = name
        self.suffix = suffix
        self.installation = installation


class CanNotStart(Exception):
    """Why ssh was not started, and the exit code that says so."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def run(arguments: list[str]) -> int:
    """Become ssh; comes back only when that is not possible."""
    try:
        command = ssh_command(arguments, home_directory(), time.time())
        # The user's own ssh, wherever it stands on the user's PATH: that is the point.
        os.execvp(command[0], command)  # noqa: S606
    except CanNotStart as error:
        sys.stderr.write(f"dw: {error}\n")
        return error.exit_code
    except OSError as error:
        sys.stderr.write(f"dw: starting ssh: {error.strerror}; is the OpenSSH client installed?\n")
        return FAILED_EXIT
    return FAILED_EXIT


def home_directory() -> str:
    """`$DOORWARD_HOME`, else `~/.config/doorward`; absolute."""
    chosen = os.environ.get("DOORWARD_HOME", "")
    return os.path.abspath(chosen or os.path.expanduser("~/.config/doorward"))  # noqa: PTH100, PTH111


def ssh_command(arguments: list[str], home: str, now_seconds: float) -> list[str]:
    """The command line of ssh for `dw ssh` with these arguments; `CanNotStart` when there is none."""
    before, destination, after = split_arguments(arguments)
    door = read_door(home)
    if now_seconds >= door.expires_seconds:
        raise CanNotStart("the sign-in has expired; run dw login", NOT_SIGNED_IN_EXIT)
    login, node = account_on_node(destination, door.suffix)
    options = [part for name, value in ssh_options(home, door.port, door.name) for part in ("-o", f"{name}={value}")]
    return ["ssh", *options, *before, "-l", f"{login}@{node}", door.host, *after]


def ssh_options(home: str, port: int, name: str) -> list[tuple[str, str]]:
    """What stock ssh must be told to reach a gateway that proves to be `name`; also the lines of `dw config ssh`."""
    return [("HostKeyAlias", name), ("Port", str(port)), *trust_options(home)]


def trust_options(home: str) -> list[tuple[str, str]]:
    """Whom to believe, which key to show, and where shared connections meet."""
    return [
        ("IdentityFile", quoted(f"{home}/id_ed25519")),
        ("CertificateFile", quoted(f"{home}/id_ed25519-cert.pub")),
        ("IdentitiesOnly", "yes"),
        ("UserKnownHostsFile", quoted(f"{home}/known_hosts")),
        ("GlobalKnownHostsFile", "/dev/null"),
        ("StrictHostKeyChecking", "yes"),
        ("VerifyHostKeyDNS", "no"),
        ("UpdateHostKeys", "no"),
        ("ControlPath", control_path(home)),
    ]


def control_path(home: str) -> str:
    """Where shared connections meet. %C covers the user name, and with it the node: a path without it, as some people
    have for all hosts, would lead from one node into another."""
    longest = len(os.fsencode(home)) + len("/cm-") + CONTROL_SOCKET_HASH + CONTROL_SOCKET_SUFFIX
    if longest > UNIX_SOCKET_PATH_MAX:
        return "none"
    return quoted(f"{home}/cm-")[:-1] + '%C"'


def quoted(path: str) -> str:
    """A path as ssh_config takes it, with nothing in it expanded."""
    if not _UNQUOTABLE.isdisjoint(path):
        raise CanNotStart("the directory of the sign-in has a character in its name that ssh can not take", FAILED_EXIT)
    return '"' + path.replace("%", "%%") + '"'


def split_arguments(arguments: list[str]) -> tuple[list[str], str, list[str]]:
    """ssh's options, the destination, and what follows it, as ssh itself reads its command line."""
    index = 0
    while index < len(arguments):
        word = arguments[index]
        if word == "--":
            return arguments[:index], *_destination(arguments[index + 1 :])
        if len(word) < 2 or word[0] != "-":
            return arguments[:index], *_destination(arguments[index:])
        index += 2 if _takes_next_word(word) else 1
    raise CanNotStart("where to? write dw ssh LOGIN@NODE", USAGE_EXIT)


def account_on_node(destination: str, suffix: str) -> tuple[str, str]:
    """Login and node, split at the last `@`; the node with or without the suffix of nodes."""
    login, _, node = destination.rpartition("@")
    if not login or not node:
        raise CanNotStart("as whom? write dw ssh LOGIN@NODE", USAGE_EXIT)
    if login[0] == "-" or not _LOGIN_CHARACTERS.issuperset(login):
        raise CanNotStart(_NO_NAMES, USAGE_EXIT)
    return login, node_name(node, suffix)


def node_name(text: str, suffix: str) -> str:
    """A node's name, given with or without the suffix of nodes."""
    node = text.lower().removesuffix("." + suffix)
    if not node or not _NODE_CHARACTERS.issuperset(node):
        raise CanNotStart(_NO_NAMES, USAGE_EXIT)
    return node


def read_door(home: str) -> Door:
    """What the last sign-in left; `CanNotStart` when there is none, or it can not be read."""
    try:
        descriptor = os.open(f"{home}/{DOOR_FILE}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise CanNotStart("not signed in; run dw login", NOT_SIGNED_IN_EXIT) from error
    try:
        lines = os.read(descriptor, DOOR_BYTES_MAX).decode("ascii", "replace").split("\n")
    finally:
        os.close(descriptor)
    if len(lines) != DOOR_LINES + 1 or lines[0] != DOOR_FORMAT or not lines[1].isdigit() or not lines[3].isdigit():
        raise CanNotStart("what the last sign-in left can not be read; run dw login", NOT_SIGNED_IN_EXIT)
    return Door(int(lines[1]), lines[2], int(lines[3]), name=lines[4], suffix=lines[5], installation=lines[6])


def door_text(door: Door) -> str:
    """The file that `read_door` reads: a line for the format, and one for each part."""
    where = f"{door.host}\n{door.port}\n{door.name}\n{door.suffix}\n{door.installation}\n"
    return f"{DOOR_FORMAT}\n{door.expires_seconds}\n{where}"


def _destination(words: list[str]) -> tuple[str, list[str]]:
    if not words:
        raise CanNotStart("where to? write dw ssh LOGIN@NODE", USAGE_EXIT)
    return words[0], words[1:]


def _takes_next_word(word: str) -> bool:
    """Whether a cluster of options like `-vL` ends in one whose value is the next word."""
    for position, letter in enumerate(word[1:], start=1):
        if letter in SAID_BY_US:
            raise CanNotStart(f"-{letter} is not for dw ssh: write LOGIN@NODE, the way there is known", USAGE_EXIT)
        if letter in WITH_VALUE:
            return position == len(word) - 1
    return False
