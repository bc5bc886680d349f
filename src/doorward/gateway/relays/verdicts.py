"""Verdicts on what is asked inside a session: what may pass and what of it is recorded first, and what is refused."""

from dataclasses import dataclass

from doorward.domain.recording.frames import Body, StreamOpened
from doorward.domain.recording.levels import Coverage


@dataclass(frozen=True, slots=True)
class Open:
    """The stream begins: record `body` first; from then on bytes flow as `covered` says."""

    body: StreamOpened
    covered: Coverage


@dataclass(frozen=True, slots=True)
class Forward:
    """Pass the request on, after `opens` or `record` has been stored.

    Unchanged, or as `data` where not all of it is stored: then only what is stored may pass.
    """

    opens: Open | None = None
    record: Body | None = None
    is_end: bool = False
    data: bytes | None = None

    def passes(self, came: bytes) -> bytes:
        """What goes on of the payload that came."""
        return came if self.data is None else self.data


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer no. `line` goes to the channel's stderr; `kind` and `asked` into the audit note, when `kind` is set.

    `ends` the channel: what it was opened for is refused. Clients drop what they were told as soon as they read that a
    shell or command failed to start, so it is made to look like a command that says the line and exits.
    """

    line: str = ""
    kind: str = ""
    asked: str = ""
    ends: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """Answered here, nothing is passed on."""

    ok: bool


Verdict = Forward | Refuse | Answer
