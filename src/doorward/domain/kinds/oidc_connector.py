"""The kind `oidc_connector`: an identity provider, and what its claims become here.

The client's secret is a reference to a file or an environment variable and never stands in a document. Groups that are
not mapped give nothing, and so does a missing groups claim. The device flow is off unless it is asked for, and a
provider on a private network is reached only when that network is listed.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from doorward.base.duration import format_duration
from doorward.base.errors import Invalid
from doorward.domain.kinds.envelope import Kind, Metadata
from doorward.domain.kinds.fields import Fields
from doorward.domain.kinds.names import one_line, plain_name, trait_name
from doorward.domain.kinds.positioned import Table

VERSION: Final = "v1"
MAPPINGS_MAX: Final = 1000
SCOPES_MAX: Final = 50
ISSUER_CHARACTERS_MAX: Final = 512
NETWORKS_MAX: Final = 50
SIGN_IN_DEFAULT: Final = timedelta(hours=8)
SIGN_IN_MAX: Final = timedelta(days=1)  # more is not honoured by anything, so it is wrong to ask for it
CLAIMS_AGE_DEFAULT: Final = timedelta(hours=1)
_LEAST: Final = timedelta(minutes=1)
_LOOPBACK: Final = frozenset({"127.0.0.1", "[::1]", "localhost"})
# Scheme, host (a name, IPv4, or IPv6 in brackets), port, path; no user, query or fragment.
_ISSUER: Final = re.compile(
    r"(https?)://([A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{1,5}))?(?:/[!-\"$->@-~]*)?",
    re.ASCII,
)
_ENVIRONMENT_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII)
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,128}", re.ASCII)  # RFC 6749, 3.3
DEFAULT_SCOPES: Final = ("openid", "profile", "email")


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class SecretReference:
    """Where a secret is found: a file's absolute path, or the name of an environment variable."""

    source: str
    name: str


@dataclass(frozen=True, slots=True)
class OidcConnector:
    """An identity provider; without a secret the client is a public one (PKCE is used in either case).

    `networks` are those, not on the public Internet, in which the provider's servers may stand.
    """

    name: str
    issuer: str
    client_id: str
    client_secret: SecretReference | None = None
    scopes: tuple[str, ...] = DEFAULT_SCOPES
    groups_claim: str = ""
    groups_to_roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    claims_to_traits: Mapping[str, str] = field(default_factory=dict)
    max_sign_in: timedelta = SIGN_IN_DEFAULT
    claims_max_age: timedelta = CLAIMS_AGE_DEFAULT
    description: str = ""
    device_flow: bool = False
    networks: tuple[Network, ...] = ()


def parse_oidc_connector(document: Fields, metadata: Metadata, version: str) -> OidcConnector:
    """The connector of a document."""
    spec = document.within("spec", required=True)
    scopes = [spec.parsed_at(name, node, _scope) for name, node in spec.items("scopes", most=SCOPES_MAX)]
    if spec.has("scopes") and "openid" not in scopes:
        spec.wrong("scopes", "openid must be among them")
    groups_claim = spec.parsed("groups_claim", one_line) or ""
    groups = _groups_to_roles(spec)
    networks = [spec.parsed_at(name, node, _network) for name, node in spec.items("networks", most=NETWORKS_MAX)]
    if groups and not groups_claim:
        spec.wrong("groups_claim", "this field is needed to map groups to roles")
    connector = OidcConnector(
        metadata.name,
        spec.parsed("issuer", _issuer, required=True) or "",
        spec.parsed("client_id", _not_empty, required=True) or "",
        _secret(spec),
        tuple(scope for scope in scopes if scope is not None) or DEFAULT_SCOPES,
        groups_claim,
        groups,
        _claims_to_traits(spec),
        spec.duration("max_sign_in", least=_LEAST, most=SIGN_IN_MAX) or SIGN_IN_DEFAULT,
        spec.duration("claims_max_age", least=_LEAST, most=SIGN_IN_MAX) or CLAIMS_AGE_DEFAULT,
        metadata.description,
        spec.flag("device_flow"),
        tuple(dict.fromkeys(network for network in networks if network is not None)),
    )
    spec.finish()
    return connector


def dump_oidc_connector(connector: OidcConnector) -> dict[str, Any]:
    """The spec that `parse_oidc_connector` reads back."""
    secret = connector.client_secret
    spec: dict[str, Any] = {
        "issuer": connector.issuer,
        "client_id": connector.client_id,
        "scopes": list(connector.scopes),
        "max_sign_in": format_duration(connector.max_sign_in),
        "claims_max_age": format_duration(connector.claims_max_age),
    }
    if secret is not None:
        spec["client_secret"] = {secret.source: secret.name}
    if connector.groups_claim:
        spec["groups_claim"] = connector.groups_claim
    if connector.groups_to_roles:
        spec["groups_to_roles"] = {group: list(roles) for group, roles in connector.groups_to_roles.items()}
    if connector.claims_to_traits:
        spec["claims_to_traits"] = dict(connector.claims_to_traits)
    if connector.device_flow:
        spec["device_flow"] = True
    if connector.networks:
        spec["networks"] = [str(network) for network in connector.networks]
    return {"spec": spec}


def _secret(spec: Fields) -> SecretReference | None:
    node = spec.node("client_secret")
    if node is None:
        return None
    if not isinstance(node, Table) or len(node.entries) != 1 or node.entries[0][0] not in {"file", "env"}:
        spec.wrong("client_secret", "write {file: PATH} or {env: NAME}; a secret never stands in a document", node)
        return None
    source = node.entries[0][0]
    fields = Fields(node, spec.name_of("client_secret"), spec.problems)
    name = fields.parsed(source, _file_path if source == "file" else _environment_name)
    return None if name is None else SecretReference(source, name)


def _groups_to_roles(spec: Fields) -> dict[str, tuple[str, ...]]:
    table = _mapping(spec, "groups_to_roles")
    mapped: dict[str, tuple[str, ...]] = {}
    for group, _, _ in table.table.entries:
        roles = [table.parsed_at(name, node, plain_name) for name, node in table.items(group)]
        mapped[group] = tuple(dict.fromkeys(role for role in roles if role is not None))
    return mapped


def _claims_to_traits(spec: Fields) -> dict[str, str]:
    table = _mapping(spec, "claims_to_traits")
    found = {claim: table.parsed_at(claim, node, trait_name) for claim, _, node in table.table.entries}
    return {claim: trait for claim, trait in found.items() if trait is not None}


def _mapping(spec: Fields, key: str) -> Fields:
    table = spec.within(key)
    if len(table.table.entries) > MAPPINGS_MAX:
        spec.wrong(key, f"{MAPPINGS_MAX} entries are the most")
    return table


def _issuer(text: str) -> str:
    match = _ISSUER.fullmatch(text)
    if match is None or len(text) > ISSUER_CHARACTERS_MAX or not 1 <= int(match.group(3) or 443) <= 65535:
        raise Invalid("reading an issuer: a URL without user, query and fragment is expected")
    if match.group(1) != "https" and match.group(2) not in _LOOPBACK:
        raise Invalid("reading an issuer: https is needed (http only on the loopback address)")
    return text


def _not_empty(text: str) -> str:
    if not text or " " in text:
        raise Invalid("reading a text: at least one character and no spaces are expected")
    return one_line(text)


def _file_path(text: str) -> str:
    if not text.startswith("/"):
        raise Invalid("reading a path: an absolute one is expected")
    return one_line(text)


def _environment_name(text: str) -> str:
    if _ENVIRONMENT_NAME.fullmatch(text) is None:
        raise Invalid("reading the name of an environment variable: letters, digits and underscores are expected")
    return text


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise Invalid("reading a network: write it like 10.1.0.0/16 or fd00:1::/32") from error


def _scope(text: str) -> str:
    if _SCOPE.fullmatch(text) is None:
        raise Invalid("reading a scope: this can not be one (RFC 6749)")
    return text


OIDC_CONNECTOR: Final = Kind(
    "oidc_connector",
    (VERSION,),
    OidcConnector,
    parse_oidc_connector,
    dump_oidc_connector,
)
