"""Refresh tokens, in this process's memory and nowhere else.

A restart forgets them: the claims of those sign-ins are then not heard again, and they end when these are too old.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from doorward.base.ids import SignInId
from doorward.base.secret import Secret

KEPT_MAX: Final = 50_000


class RefreshTokens:
    """By sign-in; the oldest go first when there are too many, which ends their sign-ins early and no other way."""

    def __init__(self) -> None:
        self._kept: OrderedDict[SignInId, Secret] = OrderedDict()

    def keep(self, sign_in_id: SignInId, token: Secret) -> None:
        """Keep the newest token of a sign-in; providers may give another at each use."""
        self._kept[sign_in_id] = token
        self._kept.move_to_end(sign_in_id)
        while len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)

    def get(self, sign_in_id: SignInId) -> Secret | None:
        """The token, if this process has it."""
        return self._kept.get(sign_in_id)

    def forget(self, sign_in_ids: Sequence[SignInId]) -> None:
        """Those sign-ins are over."""
        for sign_in_id in sign_in_ids:
            self._kept.pop(sign_in_id, None)

    def held(self) -> tuple[SignInId, ...]:
        """The sign-ins whose tokens are here."""
        return tuple(self._kept)
