"""What is known of the installation and of the sign-in, as it lies in `profile.json`."""

from datetime import datetime
from typing import Final

import msgspec

from doorward.base.errors import Invalid
from doorward.cli.exits import NotSignedIn
from doorward.cli.keep import PROFILE, Keep

PORT_DEFAULT: Final = 3443


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`pin` is empty when public TLS is trusted; `sign_in_id` is empty when nobody is signed in.

    `gateways` holds each gateway's names, the one that it proves first.
    """

    url: str
    pin: str
    user_id: str
    user_name: str
    sign_in_id: str
    expires: datetime
    gateway_host: str
    gateway_port: int
    gateways: list[list[str]]
    node_suffix: str
    installation_id: str


def load_profile(keep: Keep) -> Profile | None:
    """The profile, None when there is none yet."""
    text = keep.read(PROFILE)
    if text is None:
        return None
    try:
        profile = msgspec.json.decode(text, type=Profile)
    except msgspec.DecodeError as error:
        raise Invalid(f"reading {keep.path(PROFILE)}: it is not what dw writes; remove it and run dw login") from error
    if profile.expires.tzinfo is None:
        raise Invalid(f"reading {keep.path(PROFILE)}: its time has no zone; remove it and run dw login")
    return profile


def live_profile(keep: Keep, now: datetime) -> Profile:
    """The profile of a sign-in that counts; else `NotSignedIn`."""
    profile = load_profile(keep)
    if profile is None or not profile.sign_in_id:
        raise NotSignedIn("not signed in")
    if profile.expires <= now:
        raise NotSignedIn("the sign-in has expired")
    return profile


def save_profile(keep: Keep, profile: Profile) -> None:
    """Replace the profile."""
    keep.write(PROFILE, msgspec.json.format(msgspec.json.encode(profile)).decode() + "\n")
