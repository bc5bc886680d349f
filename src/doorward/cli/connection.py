"""The authority, as the person who is signed in here."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from doorward.api.client.trust import check_root, pinned_context, public_context
from doorward.api.client.user import UserClient
from doorward.api.problem import RemoteProblem
from doorward.base.clock import SystemClock
from doorward.base.errors import Invalid
from doorward.cli.exits import NotSignedIn, ShutOut
from doorward.cli.keep import ROOT, X509_CHAIN, X509_KEY, Keep
from doorward.cli.profile import Profile, live_profile

UNAUTHENTICATED: Final = 401


@contextmanager
def authority() -> Iterator[UserClient]:
    """Calls under the sign-in's certificate; `NotSignedIn` without one that counts, here or there."""
    keep = Keep.of_user()
    profile = live_profile(keep, SystemClock().now())
    with client_for(keep, profile) as client:
        try:
            yield client
        except RemoteProblem as error:
            if error.problem.status == UNAUTHENTICATED:
                kind = NotSignedIn if error.problem.code == NotSignedIn.code else ShutOut
                raise kind(error.message) from error
            raise


def client_for(keep: Keep, profile: Profile) -> UserClient:
    """A client that shows the sign-in's certificate, and believes what was believed at sign-in."""
    context = trusting(keep, profile.pin)
    try:
        context.load_cert_chain(keep.path(X509_CHAIN), keep.path(X509_KEY))
    except (OSError, ssl.SSLError) as error:
        raise NotSignedIn("the certificate of the sign-in is missing or broken") from error
    return UserClient(profile.url, context)


def trusting(keep: Keep, pin: str) -> ssl.SSLContext:
    """Public TLS, or the root that was kept, if it still is the one behind `pin`."""
    if not pin:
        return public_context()
    root = keep.read(ROOT)
    if root is None:
        raise Invalid("reading the root certificate that we keep: it is gone; run dw login with --ca-pin")
    return pinned_context(check_root(root, pin))
