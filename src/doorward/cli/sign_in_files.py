"""From the authority's answer to the files of a sign-in, believing nothing in it that can be checked.

The certificates must be for the keys that were made here and for the user that is named, and every text that ends up
in a configuration file must have the shape of what belongs there: an answer can not smuggle a line into known_hosts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from doorward.api.bodies.sign_ins import SignedIn
from doorward.api.client.trust import check_root
from doorward.api.client.user import BadAnswer
from doorward.base.errors import DoorwardError
from doorward.base.ids import SignInId, UserId, checked_id
from doorward.cli import keep as files
from doorward.cli.client_keys import ClientKeys
from doorward.cli.keep import Keep
from doorward.cli.profile import PORT_DEFAULT, Profile, save_profile
from doorward.cli.ssh_start import DOOR_FILE, Door, door_text
from doorward.domain.certificates.principals import checked_host_name, sign_in_of, user_principal
from doorward.domain.certificates.x509_check import spki_pin
from doorward.domain.certificates.x509_names import X509Kind, identity_of
from doorward.wire.errors import RemoteProtocolError
from doorward.wire.ssh.certificate import CertificateType, parse_certificate
from doorward.wire.ssh.public_key import parse_public_key_line, public_key_line

GATEWAY_NAMES_MAX: Final = 64
FACE_AUTHORITIES_MAX: Final = 16
MARK_CHARACTERS_MAX: Final = 128


@dataclass(frozen=True, slots=True)
class FreshSignIn:
    """What a sign-in leaves behind: the profile, and the text of each other file by its name."""

    profile: Profile
    texts: Mapping[str, str]


def checked_sign_in(signed_in: SignedIn, keys: ClientKeys, *, url: str, pin: str) -> FreshSignIn:
    """What to keep of the authority's answer; `BadAnswer` when it does not fit what was asked."""
    try:
        _check_ssh(signed_in, keys)
        _check_x509(signed_in, keys)
        profile = _profile(signed_in, url, pin)
        return FreshSignIn(profile, _texts(signed_in, keys, profile))
    except BadAnswer:
        raise
    except (DoorwardError, RemoteProtocolError, ValueError, x509.ExtensionNotFound) as error:
        raise BadAnswer("reading the sign-in: the answer does not fit what was asked") from error


def save_sign_in(keep: Keep, fresh: FreshSignIn, root_pem: str) -> None:
    """Write every file; the two that make the sign-in count come last."""
    keep.prepare()
    keep.remove(DOOR_FILE)
    for name, text in fresh.texts.items():
        keep.write(name, text)
    if root_pem:
        keep.write(files.ROOT, root_pem)
    else:
        keep.remove(files.ROOT)
    profile = fresh.profile
    save_profile(keep, profile)
    ends = int(profile.expires.timestamp())
    name = proven_name(profile, profile.gateway_host)
    place = profile.gateway_host, profile.gateway_port
    door = Door(ends, *place, name=name, suffix=profile.node_suffix, installation=profile.installation_id)
    keep.write(DOOR_FILE, door_text(door))


def _profile(signed_in: SignedIn, url: str, pin: str) -> Profile:
    expires = datetime.fromisoformat(signed_in.expires)
    if expires.tzinfo is None:
        raise BadAnswer("reading the sign-in: its end has no time zone")
    gateways = [one.names for one in signed_in.gateways if one.names]
    host, port = gateway_of(url, gateways)
    return Profile(
        url=url,
        pin=pin,
        user_id=checked_id(signed_in.user_id),
        user_name=signed_in.user_name,
        sign_in_id=checked_id(signed_in.sign_in_id),
        expires=expires,
        gateway_host=host,
        gateway_port=port,
        gateways=gateways,
        node_suffix=checked_host_name(signed_in.node_suffix),
        installation_id=checked_id(signed_in.installation_id),
    )


def _texts(signed_in: SignedIn, keys: ClientKeys, profile: Profile) -> dict[str, str]:
    return {
        files.SSH_KEY: keys.ssh_private.reveal_text(),
        files.SSH_PUBLIC_KEY: keys.ssh_public_line + "\n",
        files.SSH_CERTIFICATE: public_key_line(parse_public_key_line(signed_in.ssh_certificate)) + "\n",
        files.X509_KEY: keys.x509_private.reveal_text(),
        files.X509_CHAIN: _chain_text(signed_in.x509_chain_pem),
        files.KNOWN_HOSTS: known_hosts_text(profile, signed_in.face_authorities),
        files.INSTALLATION_ROOT: check_root(signed_in.x509_root_pem, profile.pin or _pin_of(signed_in.x509_root_pem)),
        **({files.DEVICE: _mark_text(signed_in.device)} if signed_in.device else {}),
    }


def _mark_text(mark: str) -> str:
    if len(mark) > MARK_CHARACTERS_MAX or not (mark.isascii() and mark.isprintable()):
        raise BadAnswer("reading the sign-in: the mark of this device is none")
    return mark + "\n"


def known_hosts_text(profile: Profile, face_authorities: list[str]) -> str:
    """Whom ssh believes: the face-host authorities, for the gateways' names and for nodes behind them."""
    if not 0 < len(face_authorities) <= FACE_AUTHORITIES_MAX:
        raise BadAnswer("reading the sign-in: no authority for gateways, or too many")
    addresses = [gateway_address(name, profile.gateway_port) for names in profile.gateways for name in names]
    hosts = dict.fromkeys([*addresses, (profile.gateway_host, profile.gateway_port)])
    patterns = [host if port == 22 else f"[{host}]:{port}" for host, port in hosts]
    proven = [proven_name(profile, host) for host, _ in hosts]
    patterns += [*dict.fromkeys(proven), f"*.{profile.node_suffix}"]
    lines = [public_key_line(parse_public_key_line(authority)) for authority in face_authorities]
    return "".join(f"@cert-authority {','.join(patterns)} {line}\n" for line in lines)


def gateway_of(url: str, gateways: list[list[str]]) -> tuple[str, int]:
    """Where the door is: the host of the URL when it is a gateway's name, or when there is none yet; else the first."""
    parts = urlsplit(url)
    names = [name for each in gateways for name in each]
    if len(names) > GATEWAY_NAMES_MAX:
        raise BadAnswer("reading the sign-in: it names too many gateways")
    here = checked_host_name(parts.hostname or ""), parts.port or PORT_DEFAULT
    addresses = [gateway_address(name, here[1]) for name in names] or [here]
    return next((address for address in addresses if address[0] == here[0]), addresses[0])


def proven_name(profile: Profile, host: str) -> str:
    """The name that the gateway at `host` proves, by whichever of its names one comes: its first.

    SSH does not tell a server by which name a client came, and a certificate names one.
    """
    for names in profile.gateways:
        hosts = [gateway_address(name, profile.gateway_port)[0] for name in names]
        if host in hosts:
            return hosts[0]
    return host


def gateway_address(text: str, port_default: int) -> tuple[str, int]:
    """`host`, `host:port` or `[address]:port`; `Invalid` or ValueError for anything else."""
    if not text.isascii() or not text.isprintable():  # urlsplit would drop line ends without a word
        raise ValueError("a host and a port are expected")
    bare = text.count(":") > 1 and not text.startswith("[")
    parts = urlsplit(f"//[{text}]" if bare else f"//{text}")
    if parts.path or parts.query or parts.fragment or parts.username is not None or not parts.hostname:
        raise ValueError("a host and a port are expected")
    return checked_host_name(parts.hostname), parts.port or port_default


def _check_ssh(signed_in: SignedIn, keys: ClientKeys) -> None:
    fields = parse_certificate(parse_public_key_line(signed_in.ssh_certificate)).fields
    expected = (
        CertificateType.USER,
        (user_principal(UserId(signed_in.user_id)),),
        SignInId(signed_in.sign_in_id),
        parse_public_key_line(keys.ssh_public_line),
    )
    if (fields.type, fields.principals, sign_in_of(fields.key_id), fields.public_key) != expected:
        raise BadAnswer("reading the sign-in: its SSH certificate is for somebody else, or for another key")


def _check_x509(signed_in: SignedIn, keys: ClientKeys) -> None:
    leaf = x509.load_pem_x509_certificates(signed_in.x509_chain_pem.encode())[0]
    key = leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    identity = identity_of(leaf)
    expected = (X509Kind.USER, signed_in.installation_id, signed_in.user_id, signed_in.sign_in_id)
    given = (identity.kind, identity.installation_id, identity.id, identity.sign_in_id)
    if key != keys.x509_public_der or given != expected:
        raise BadAnswer("reading the sign-in: its X.509 certificate is for somebody else, or for another key")


def _pin_of(root_pem: str) -> str:
    """Without a pin the root is what the authority, proven by public TLS, says."""
    return spki_pin(x509.load_pem_x509_certificate(root_pem.encode()).public_bytes(Encoding.DER))


def _chain_text(chain_pem: str) -> str:
    chain = x509.load_pem_x509_certificates(chain_pem.encode())
    return "".join(certificate.public_bytes(Encoding.PEM).decode("ascii") for certificate in chain)
