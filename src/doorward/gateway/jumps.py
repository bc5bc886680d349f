"""All jump connections of a gateway: the outer connections of ProxyJump, which are no sessions.

Each stands on its user's sign-in. The order to end it arrives like a session's, on the watch stream; one for a
connection that is not known yet is remembered, and closes it the moment it appears. A lease names those that the
authority holds closed.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final, Protocol

from doorward.api.bodies.gateway_calls import JumpCut
from doorward.base.errors import Unavailable

JUMPS_OF_USER_MAX: Final = 256
"""One user's at this gateway. A tool opens one for each host that it works on at a time; nobody takes all places."""
CUTS_REMEMBERED_MAX: Final = 65_536


class TooManyJumps(Unavailable):
    """The user holds as many jump connections here as one user may."""

    code = "too_many_jumps"


class Outer(Protocol):
    """The outer connection of a jump, with a deadline of its own."""

    @property
    def id(self) -> str: ...
    @property
    def user_id(self) -> str: ...
    def tick(self, now: float) -> None: ...
    def end(self, line: str) -> None: ...


class JumpConnections:
    """The registry; everything in it happens on the event loop's thread."""

    def __init__(self) -> None:
        self._live: dict[str, Outer] = {}
        self._cuts: OrderedDict[str, JumpCut] = OrderedDict()
        self._of_user: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._live)

    def room(self, user_id: str) -> None:
        """`TooManyJumps` when this user may hold no more."""
        if self._of_user.get(user_id, 0) >= JUMPS_OF_USER_MAX:
            raise TooManyJumps(f"you hold {JUMPS_OF_USER_MAX} jump connections at this gateway; close some")

    def add(self, outer: Outer) -> None:
        """From now on cuts and its deadline reach it; one that was cut already ends here."""
        self._live[outer.id] = outer
        self._of_user[outer.user_id] = self._of_user.get(outer.user_id, 0) + 1
        cut = self._cuts.get(outer.id)
        if cut is not None:
            outer.end(cut.message)

    def remove(self, outer: Outer) -> None:
        """It is over; a second time nothing happens."""
        if self._live.get(outer.id) is not outer:
            return
        del self._live[outer.id]
        self._of_user[outer.user_id] -= 1
        if not self._of_user[outer.user_id]:
            del self._of_user[outer.user_id]

    def ids(self) -> list[str]:
        """The ids of all, for the lease."""
        return list(self._live)

    def cut(self, cut: JumpCut) -> None:
        """The authority's order to close one."""
        self._cuts[cut.jump_id] = cut
        self._cuts.move_to_end(cut.jump_id)
        while len(self._cuts) > CUTS_REMEMBERED_MAX:
            self._cuts.popitem(last=False)
        self.end((cut.jump_id,), cut.message)

    def end(self, ids: Iterable[str], line: str) -> None:
        """End those of them that live here."""
        for outer in [self._live[one] for one in ids if one in self._live]:
            outer.end(line)

    def tick(self, now: float) -> None:
        """Look at every deadline."""
        for outer in tuple(self._live.values()):
            outer.tick(now)
