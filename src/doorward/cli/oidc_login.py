"""Signing in through an identity provider: in a browser on this machine, or with a code typed on another.

The browser never speaks with the authority: it comes back to a listener of ours on loopback, with a state that we were
given, and only we hold the verifier behind the challenge (PKCE) and the keys that will be certified.
"""

import base64
import contextlib
import hashlib
import threading
import webbrowser
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

import click

from doorward.api.bodies.oidc import BeginOidc, BeginOidcDevice, CompleteOidc, OidcDeviceBegun, PollOidcDevice
from doorward.api.bodies.sign_ins import SignedIn
from doorward.api.calls import BEGIN_OIDC, BEGIN_OIDC_DEVICE, COMPLETE_OIDC, OIDC_CONNECTORS, POLL_OIDC_DEVICE
from doorward.api.client.user import BadAnswer, UserClient
from doorward.base.clock import SystemClock
from doorward.base.entropy import SystemEntropy
from doorward.base.errors import Invalid, Missing, Unavailable
from doorward.cli import shown
from doorward.cli.callback_listener import CallbackListener
from doorward.cli.client_keys import ClientKeys

VERIFIER_BYTES: Final = 32
POLL_SECONDS_MIN: Final = 1
POLL_SECONDS_MAX: Final = 120
URL_CHARACTERS_MAX: Final = 4096
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


def chosen_connector(client: UserClient, wanted: str | None) -> str | None:
    """The connector to use: the one that was named, or the only one; None when the authority has none.

    `UsageError` lists them when there are several and none was named.
    """
    if wanted is not None:
        return wanted
    try:
        names = client.call(OIDC_CONNECTORS).names
    except Missing:  # an authority that does not know the call
        return None
    if len(names) > 1:
        raise click.UsageError(f"say through which provider, with --connector: {', '.join(names)}; or who, with --user")
    return names[0] if names else None


def sign_in_by_browser(client: UserClient, connector: str, keys: ClientKeys, client_text: str) -> SignedIn:
    """Open the browser, wait for it to come back, and finish."""
    verifier = base64.urlsafe_b64encode(SystemEntropy().token(VERIFIER_BYTES)).rstrip(b"=").decode()
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    with CallbackListener() as listener:
        said = BeginOidc(
            connector=connector,
            redirect_port=listener.port,
            code_challenge=challenge,
            keys=keys.public(),
            client=client_text,
        )
        begun = client.call(BEGIN_OIDC, said)
        url = checked_address(begun.authorization_url)
        shown.line("sign in in your browser; if it does not open by itself, go to:")
        shown.line(f"  {url}")
        open_browser(url)
        callback = listener.wait(begun.state)
    return client.call(
        COMPLETE_OIDC,
        CompleteOidc(flow=begun.flow, state=begun.state, code=callback.code, code_verifier=verifier, iss=callback.iss),
    )


def sign_in_by_device(client: UserClient, connector: str, keys: ClientKeys, client_text: str) -> SignedIn:
    """Show the code to type, and ask until it was typed, or it is too late."""
    said = BeginOidcDevice(connector=connector, keys=keys.public(), client=client_text)
    begun = client.call(BEGIN_OIDC_DEVICE, said)
    expires = _moment(begun.expires)
    _show(begun, client_text)
    clock, seconds = SystemClock(), begun.interval_seconds
    while clock.now() < expires:
        pause(min(max(seconds, POLL_SECONDS_MIN), POLL_SECONDS_MAX))
        polled = client.call(POLL_OIDC_DEVICE, PollOidcDevice(flow=begun.flow, secret=begun.secret))
        if polled.signed_in is not None:
            return polled.signed_in
        seconds = polled.interval_seconds
    raise Unavailable("waiting for the code to be typed: it was not, in time; run dw login --device again")


def checked_address(url: str) -> str:
    """An address that a browser may be sent to: https, or http on loopback, one printable line; else `BadAnswer`."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        parts, host = urlsplit(""), None
    plain = parts.scheme == "http" and host in _LOOPBACK
    printable = url.isascii() and url.isprintable() and " " not in url and len(url) <= URL_CHARACTERS_MAX
    if not host or not printable or not (parts.scheme == "https" or plain) or "@" in parts.netloc:
        raise BadAnswer("reading where to sign in: this is no address for a browser")
    return url


def pause(seconds: float) -> None:
    """Let the other device have its time."""
    threading.Event().wait(seconds)


def open_browser(url: str) -> None:
    """Open it if there is one; the address is printed in any case. A browser in the terminal may not hold us up."""

    def run() -> None:
        with contextlib.suppress(webbrowser.Error, OSError):
            webbrowser.open(url)

    threading.Thread(target=run, name="browser", daemon=True).start()


def _show(begun: OidcDeviceBegun, client_text: str) -> None:
    shown.line(f"on a device with a browser, go to {checked_address(begun.verification_uri)}")
    shown.line(f"and type this code: {begun.user_code}")
    shown.line(f"it signs in {client_text}, started from {begun.source}; never type a code that somebody sent you")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadAnswer("reading the device flow: its end is no time") from error
    if moment.tzinfo is None:
        raise BadAnswer("reading the device flow: its end has no time zone")
    return moment


def check_words(*, device: bool, connector: str | None, code: str | None, user_name: str | None) -> None:
    """`Invalid` for words that do not go together."""
    if (connector is not None or device) and (code is not None or user_name is not None):
        raise Invalid("signing in: --connector and --device go with neither --code nor --user")
