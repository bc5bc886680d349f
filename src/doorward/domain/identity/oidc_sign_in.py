"""A sign-in that stands on a provider's word, and how long that word counts.

Claims are asked for again from half of `claims_max_age` on, at every round. A provider that can not be reached says
nothing, which is no refusal; but nothing stands on claims older than `claims_max_age`: the sign-in ends before.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from doorward.base.ids import SignInId, UserId
from doorward.domain.identity.sign_in import SIGN_IN_LENGTH_MAX
from doorward.domain.kinds.oidc_connector import OidcConnector

ROUND: Final = timedelta(seconds=10)
"""How often is looked at what is due and what is too old: what must not last longer ends by one round earlier."""
METHOD_BROWSER: Final = "oidc"
METHOD_DEVICE: Final = "oidc+device"


@dataclass(frozen=True, slots=True)
class OidcSignIn:
    """Which identity a sign-in is of, and when its claims were last heard."""

    sign_in_id: SignInId
    user_id: UserId
    connector_id: str
    issuer: str
    sub: str
    sid: str
    checked: datetime
    due: datetime
    too_old: datetime


def length_of(connector: OidcConnector, *, refreshable: bool) -> timedelta:
    """How long a sign-in lasts: a day at most, and no longer than its claims count when they can not be refreshed."""
    longest = min(connector.max_sign_in, SIGN_IN_LENGTH_MAX)
    return longest if refreshable else min(longest, connector.claims_max_age)


def claims_times(connector: OidcConnector, checked: datetime) -> tuple[datetime, datetime]:
    """When claims heard at `checked` are asked for again, and when they are too old."""
    return checked + connector.claims_max_age / 2, checked + connector.claims_max_age - ROUND
