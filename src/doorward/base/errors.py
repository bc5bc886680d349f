"""Five kinds of errors, by what the caller should do next.

`Invalid`: fix the input. `Missing`: there is none, or not for you. `Refused`: policy said no. `Conflict`: the state
moved on. `Unavailable`: try later. Subclass beside the noun and give it a stable `code`. The message is one lower-case
sentence saying what we were doing; it may be shown to the person it concerns, so it tells nothing they may not know.
"""

from typing import ClassVar


class DoorwardError(Exception):
    """The root; raise one of the five kinds instead."""

    code: ClassVar[str] = "error"

    @property
    def message(self) -> str:
        """What we were doing, in one sentence."""
        return str(self.args[0]) if self.args else self.code.replace("_", " ")


class Invalid(DoorwardError):
    """The input is wrong; the same call will fail again."""

    code = "invalid"


class Missing(DoorwardError):
    """There is no such thing, or it is not for the caller to know of: the same answer for both."""

    code = "missing"


class Refused(DoorwardError):
    """Policy or proof said no."""

    code = "refused"


class Conflict(DoorwardError):
    """The state moved on since the caller looked."""

    code = "conflict"


class Unavailable(DoorwardError):
    """Something that we need does not answer now; the same call may succeed later."""

    code = "unavailable"
