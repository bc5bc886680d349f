"""`dw login`: from a password and a time-based code, or a one-time code, to the files of a sign-in."""

import os
import ssl
import sys
from typing import Final
from urllib.parse import urlsplit

import click

from doorward.api.bodies.sign_ins import BeginEnrolment, CompleteEnrolment, SignedIn, SignInWithPassword
from doorward.api.calls import BEGIN_ENROLMENT, COMPLETE_ENROLMENT, SIGN_IN
from doorward.api.client.trust import checked_pin, fetch_pinned_root, pinned_context, public_context
from doorward.api.client.user import UserClient
from doorward.base.clock import SystemClock
from doorward.base.errors import Invalid
from doorward.base.moment_text import moment_text
from doorward.cli import shown, ssh_agent
from doorward.cli.client_keys import ClientKeys, new_client_keys
from doorward.cli.connection import trusting
from doorward.cli.keep import DEVICE, ROOT, SSH_KEY, Keep
from doorward.cli.oidc_login import check_words, chosen_connector, sign_in_by_browser, sign_in_by_device
from doorward.cli.profile import PORT_DEFAULT, Profile, load_profile
from doorward.cli.prompts import Prompts
from doorward.cli.sign_in_files import MARK_CHARACTERS_MAX, checked_sign_in, save_sign_in
from doorward.domain.certificates.principals import checked_host_name
from doorward.domain.identity.invitation import STILL_GOOD

CLIENT_CHARACTERS_MAX: Final = 255
HTTPS_PORT: Final = 443


@click.command(short_help="Sign in, or enrol with a one-time code.")
@click.argument("address", metavar="[URL|HOST[:PORT]]", required=False)
@click.option("--user", "user_name", metavar="NAME", help="Who you are; asked for when it is not known.")
@click.option("--code", metavar="CODE", help="Enrol with a one-time code; `-` asks for it.")
@click.option("--connector", metavar="NAME", help="Sign in at this identity provider, in a browser.")
@click.option("--device", is_flag=True, help="Sign in at a provider with a code typed on another device.")
@click.option("--ca-pin", "pin", metavar="sha256:HEX", help="Believe the installation with this root, no other.")
@click.option("--password-stdin", is_flag=True, help="Read the password and the code from standard input, a line each.")
@click.option("--no-agent", is_flag=True, help="Leave ssh-agent alone.")
def login(
    *,
    address: str | None,
    user_name: str | None,
    code: str | None,
    connector: str | None,
    device: bool,
    pin: str | None,
    password_stdin: bool,
    no_agent: bool,
) -> None:
    """Sign in at the identity provider in a browser, where there is one; else with a password and a time-based code.

    With --user or --password-stdin the password is asked for in any case. With --code, enrol: set password and code
    up, and sign in at once.

    Without an address it is the installation where one signed in here last.

    Without --ca-pin the authority must have a certificate that this machine trusts, or be the one signed in to before.
    """
    check_words(device=device, connector=connector, code=code, user_name=user_name)
    keep = Keep.of_user()
    before = load_profile(keep)
    url = _url(address, before)
    prompts = Prompts(from_stdin=password_stdin)
    context, known_pin, root_pem = _trust(keep, before, url, pin)
    keys = new_client_keys()
    with UserClient(url, context) as client:
        if code is not None:
            signed_in = _enrol(client, prompts.one_time_code() if code == "-" else code, prompts, keys)
        elif provider := _provider(client, connector, device=device, local=password_stdin or user_name is not None):
            way = sign_in_by_device if device else sign_in_by_browser
            signed_in = way(client, provider, keys, _client_text())
        else:
            known = before.user_name if before is not None and before.url == url else None
            mark = (keep.read(DEVICE) or "").strip()[:MARK_CHARACTERS_MAX]
            signed_in = _sign_in(client, user_name or known or prompts.user_name(), prompts, keys, mark)
    fresh = checked_sign_in(signed_in, keys, url=url, pin=known_pin)
    if not no_agent:
        ssh_agent.remove_key(keep.path(SSH_KEY))
    save_sign_in(keep, fresh, root_pem)
    profile = fresh.profile
    lifetime_seconds = int((profile.expires - SystemClock().now()).total_seconds())
    in_agent = not no_agent and ssh_agent.add_key(keep.path(SSH_KEY), lifetime_seconds)
    ends = moment_text(profile.expires)
    shown.line(f"signed in as {profile.user_name} until {ends}{', key in ssh-agent' if in_agent else ''}")


def checked_url(address: str) -> str:
    """`https://host:port` of a URL or of HOST[:PORT]; anything but https is refused."""
    has_scheme = "://" in address
    try:
        if not address.isascii() or not address.isprintable():  # urlsplit would drop line ends without a word
            raise ValueError(address)
        parts = urlsplit(address if has_scheme else f"https://{address}")
        port = parts.port or (HTTPS_PORT if has_scheme else PORT_DEFAULT)
        host = checked_host_name(parts.hostname or "")
    except (ValueError, Invalid) as error:
        raise Invalid("reading the address: https://HOST[:PORT] or HOST[:PORT] is expected") from error
    extra = parts.path.strip("/") or parts.query or parts.fragment or parts.username or parts.password
    if parts.scheme != "https" or extra:
        raise Invalid("reading the address: https://HOST[:PORT] or HOST[:PORT] is expected, and nothing more")
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


def _url(address: str | None, before: Profile | None) -> str:
    """Where to sign in: as said, else where one did before; a sign-out leaves that."""
    if address is not None:
        return checked_url(address)
    if before is None:
        raise click.UsageError("Where to? Nobody has signed in here before: write dw login URL|HOST[:PORT]")
    return checked_url(before.url)


def _trust(keep: Keep, before: Profile | None, url: str, pin: str | None) -> tuple[ssl.SSLContext, str, str]:
    """The TLS context, the pin (or empty) and the root that goes with it (or empty)."""
    if pin is not None:
        wanted = checked_pin(pin)
        root_pem = fetch_pinned_root(url, wanted)
        return pinned_context(root_pem), wanted, root_pem
    if before is not None and before.url == url and before.pin:
        return trusting(keep, before.pin), before.pin, keep.read(ROOT) or ""
    return public_context(), "", ""


def _provider(client: UserClient, connector: str | None, *, device: bool, local: bool) -> str | None:
    """The connector to sign in through; None for a password."""
    if local and connector is None and not device:
        return None
    found = chosen_connector(client, connector)
    if found is None and device:
        raise Invalid("signing in: --device needs an identity provider, and this installation has none")
    return found


def _sign_in(client: UserClient, user_name: str, prompts: Prompts, keys: ClientKeys, mark: str) -> SignedIn:
    password = prompts.password()
    return client.call(
        SIGN_IN,
        SignInWithPassword(
            user_name=user_name,
            password=password.reveal_text(),
            totp_code=prompts.time_based_code(),
            keys=keys.public(),
            client=_client_text(),
            device=mark,
        ),
    )


def _enrol(client: UserClient, code: str, prompts: Prompts, keys: ClientKeys) -> SignedIn:
    begun = client.call(BEGIN_ENROLMENT, BeginEnrolment(code=code))
    shown.line(f"enrolling {begun.user_name}")
    shown.line(f"totp-secret: {begun.totp_secret}")
    shown.line(f"totp-uri: {begun.totp_uri}")
    sys.stdout.flush()
    try:
        password = prompts.new_password()
    except Invalid as error:
        raise Invalid(f"{error.message}; {STILL_GOOD}") from error
    return client.call(
        COMPLETE_ENROLMENT,
        CompleteEnrolment(
            code=code,
            factor_id=begun.factor_id,
            password=password.reveal_text(),
            totp_code=prompts.time_based_code(),
            keys=keys.public(),
            client=_client_text(),
        ),
    )


def _client_text() -> str:
    return f"dw on {os.uname().nodename}"[:CLIENT_CHARACTERS_MAX]
