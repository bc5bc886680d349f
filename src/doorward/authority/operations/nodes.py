"""How a node becomes reachable: its set-up script, the key that it shows with a one-time token, or a typed fingerprint.

There is no silent first use: until one of the two has happened, a node is unverified and nothing connects to it.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from doorward.api.bodies.administration import EnrolledNode, EnrolNode, NodeSetup, NodeSetupScript, PinHostKey
from doorward.api.bodies.resources import ResourceView
from doorward.authority.callers import Peer, UserCaller
from doorward.authority.endings import Ending, cut_node
from doorward.authority.node_script import ScriptFacts, setup_script
from doorward.authority.noting import note
from doorward.authority.operations.node_doubt import AnotherKey, lock_doubted
from doorward.authority.operations.resources import view_of
from doorward.authority.operations.tokens import NewToken, add_token, draw_token, look_at, spend
from doorward.authority.ports import StoredResource, Transaction
from doorward.authority.rights import require
from doorward.authority.services import Services
from doorward.base.clock import to_micros
from doorward.base.errors import Invalid, Missing
from doorward.base.ids import NodeId, SessionId, new_id
from doorward.domain.audit.event import Actor, Subjects
from doorward.domain.audit.events_machines import (
    CERTIFICATE_SIGNED,
    NODE_ENROLLED,
    NODE_KEY_FORGOTTEN,
    NODE_KEY_PINNED,
    NODE_SETUP_TOKEN_ISSUED,
)
from doorward.domain.certificates.principals import checked_login, session_principal
from doorward.domain.certificates.ssh_check import authority_of
from doorward.domain.certificates.x509_check import to_pem
from doorward.domain.identity.machines import HostVerification, NodeHost, TokenKind
from doorward.wire.errors import RemoteProtocolError
from doorward.wire.ssh.public_key import fingerprint, parse_public_key, parse_public_key_line, public_key_line

_FINGERPRINT: Final = re.compile(r"SHA256:[A-Za-z0-9+/]{43}", re.ASCII)
_URL: Final = re.compile(r"https://([A-Za-z0-9.\-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[1-9][0-9]{0,4})?", re.ASCII)
CHECK_COMMAND: Final = "true"
CHECK_SOURCES: Final = ("127.0.0.1/32", "::1/128")
HOST_KEY_KINDS: Final = frozenset({"ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"})


async def node_setup(services: Services, caller: UserCaller, name: str, said: NodeSetup) -> NodeSetupScript:
    """A script with a fresh token, for these accounts; `replace` forgets the host key that is known."""
    logins = tuple(dict.fromkeys(checked_login(login) for login in said.logins))
    if _URL.fullmatch(said.url) is None:
        raise Invalid("setting up a node: the address of the authority is https://HOST:PORT")
    gateways = _networks(said.gateway_addresses)
    token = draw_token(services.entropy)

    def work(tx: Transaction) -> NodeSetupScript:
        require(services, tx, caller, "node", "update")
        stored = _stored(tx, name)
        actor = Actor.user(caller.user_id)
        new = NewToken(token, TokenKind.NODE, stored.name, stored.id, logins)
        if said.replace:
            _forget_key(Ending.begin(tx), stored, actor)
        row = add_token(tx, new, actor)
        fields = {"name": stored.name, "logins": list(logins), "expires_micros": to_micros(row.expires)}
        note(tx, NODE_SETUP_TOKEN_ISSUED, actor, fields, _subjects(stored))
        facts = ScriptFacts(
            node_id=NodeId(stored.id),
            node_name=stored.name,
            logins=logins,
            url=said.url,
            token=token,
            root_pem=to_pem(services.keys.x509_root),
            gateways=gateways or _seen_gateways(services, tx, said.url),
            exclusive=said.exclusive,
        )
        return NodeSetupScript(setup_script(facts), row.expires.isoformat())

    made = await services.store.write(work)
    services.bell.ring()
    return made


def _forget_key(ending: Ending, stored: StoredResource, actor: Actor) -> None:
    """From now on the node opens for nobody, until a machine has enrolled as it."""
    tx = ending.tx
    known = tx.node_hosts.get(NodeId(stored.id))
    if known is None:
        return
    tx.node_hosts.delete(known.node_id)
    fields = {"name": stored.name, "fingerprint": known.fingerprint}
    note(tx, NODE_KEY_FORGOTTEN, actor, fields, _subjects(stored))
    cut_node(ending, known.node_id, "the node's host key is being replaced", actor)


async def enrol_node(services: Services, peer: Peer, said: EnrolNode) -> EnrolledNode:
    """The set-up script's call: spends the token for this host key, and answers a host certificate for it.

    With a check key, also one session certificate for each account of the token, so that the script can log in for real
    before the old ways in are touched. Whoever may set nodes up may enter none of them, so these certificates run
    nothing but `true`, from the address of the node itself at which its sshd listens.
    """
    services.clock_guard.check()
    blob = host_key(said.host_public_key)
    check = parse_public_key_line(said.check_public_key) if said.check_public_key else None
    sources = _check_sources(said.check_address)
    row = await services.store.read(lambda tx: look_at(tx, said.token, TokenKind.NODE))
    node_id = NodeId(row.target_id)
    signed = await services.signer.sign_node_host(node_id=node_id, public_key=blob)
    session_keys = services.keys.session_ssh

    def work(tx: Transaction) -> bool:
        stored = tx.resources.by_id("node", node_id)
        if stored is None:
            raise Missing("enrolling a node: it was removed meanwhile")
        shown = fingerprint(blob)
        ending = Ending.begin(tx)
        spend(tx, said.token, TokenKind.NODE, shown, peer.source)
        known = tx.node_hosts.get(node_id)
        if known is not None and known.fingerprint != shown:
            lock_doubted(services, ending, stored, known, shown)
            return False
        host = NodeHost(
            node_id,
            shown,
            blob,
            HostVerification.TOKEN,
            tx.now,
            node_id,
            session_authorities=tuple(fingerprint(one) for one in session_keys),
            host_authority=authority_of(signed.certificate),
        )
        tx.node_hosts.put(host)
        fields = {"name": stored.name, "fingerprint": shown, "source": peer.source}
        note(tx, NODE_ENROLLED, Actor.node(node_id), fields, _subjects(stored))
        return True

    if not await services.store.write(work):
        services.bell.ring()
        raise AnotherKey("enrolling a node: it is known by another host key; it is locked until an administrator looks")
    checks: list[str] = []
    for login in row.accounts if check is not None else ():
        one = await _check_certificate(services, node_id, login, check or b"", sources)
        checks.append(public_key_line(one, "doorward-check"))
    return EnrolledNode(
        node_id=node_id,
        host_certificate=public_key_line(signed.certificate, row.name),
        session_authorities=[public_key_line(one, "doorward-session") for one in session_keys],
        check_certificates=checks,
    )


def _check_sources(address: str) -> Sequence[str]:
    """One address of one machine, never a network."""
    if not address:
        return CHECK_SOURCES
    try:
        found = ipaddress.ip_address(address)
    except ValueError as error:
        raise Invalid("enrolling a node: the address of the check is none") from error
    if found.is_unspecified or found.is_multicast or (found.version == 6 and "%" in address):
        raise Invalid("enrolling a node: the address of the check is not one of a machine")
    return (str(ipaddress.ip_network(found)),)


async def _check_certificate(
    services: Services, node_id: NodeId, login: str, key: bytes, sources: Sequence[str]
) -> bytes:
    """Proves to the script that the account opens, and is of no other use; noted before it is answered."""
    one = await services.signer.sign_session_ssh(
        session_id=SessionId(new_id(services.entropy)),
        node_id=node_id,
        login=login,
        public_key=key,
        force_command=CHECK_COMMAND,
        source_addresses=sources,
    )
    fields = {
        "kind": "node_check",
        "serial": str(one.serial),
        "key_fingerprint": fingerprint(key),
        "principals": [session_principal(node_id, login)],
        "until_micros": one.valid_before * 1_000_000,
    }
    actor = Actor.node(node_id)
    await services.store.write(lambda tx: note(tx, CERTIFICATE_SIGNED, actor, fields, Subjects(node=node_id)))
    return one.certificate


def host_key(line: str) -> bytes:
    """The blob of an OpenSSH public key line of a host."""
    blob = parse_public_key_line(line)
    try:
        kind, _ = parse_public_key(blob)
    except RemoteProtocolError as error:
        raise Invalid("reading a host key: it can not be read") from error
    if kind not in HOST_KEY_KINDS:
        raise Invalid("reading a host key: an Ed25519, ECDSA P-256 or RSA key is expected")
    return blob


def _networks(said: Sequence[str]) -> tuple[str, ...]:
    """As sshd reads them: a network has no host bits, and everybody is none."""
    found: list[str] = []
    for text in said:
        try:
            network = ipaddress.ip_network(text)
        except ValueError as error:
            raise Invalid(
                "setting up a node: a gateway's address is an IP address, or a network as 192.0.2.0/24"
            ) from error
        if network.prefixlen == 0 or "%" in text:
            raise Invalid("setting up a node: gateways come from some addresses, not from all of one kind")
        found.append(str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network))
    return tuple(dict.fromkeys(found))


def _seen_gateways(services: Services, tx: Transaction, url: str) -> tuple[str, ...]:
    """Where gateways call from, and where the node reaches the authority: a gateway on that host comes from there.

    The second may be a name; the script resolves it on the node, since sshd takes addresses alone.
    """
    seen = services.gateway_sources.addresses(one.id for one in tx.gateways.list() if not one.disabled)
    host = urlsplit(url).hostname
    return tuple(dict.fromkeys([*seen, *([host] if host else [])]))


async def pin_host_key(services: Services, caller: UserCaller, name: str, said: PinHostKey) -> ResourceView:
    """An administrator vouches for the key of this fingerprint."""
    if _FINGERPRINT.fullmatch(said.fingerprint) is None:
        raise Invalid("pinning a host key: SHA256: and 43 characters are expected, as ssh-keygen -l prints them")

    def work(tx: Transaction) -> ResourceView:
        require(services, tx, caller, "node", "update")
        stored = _stored(tx, name)
        node_id, actor = NodeId(stored.id), Actor.user(caller.user_id)
        ending = Ending.begin(tx)
        known = tx.node_hosts.get(node_id)
        host = NodeHost(node_id, said.fingerprint, b"", HostVerification.FINGERPRINT, tx.now, caller.user_id)
        if known is not None and known.fingerprint == said.fingerprint:
            trusted, signer = known.session_authorities, known.host_authority
            host = replace(host, session_authorities=trusted, host_authority=signer)
        if said.authorities_installed:
            trusted = tuple(fingerprint(one) for one in services.keys.session_ssh)
            host = replace(host, session_authorities=trusted)
        tx.node_hosts.put(host)
        fields = {"name": stored.name, "fingerprint": said.fingerprint}
        note(tx, NODE_KEY_PINNED, actor, fields, _subjects(stored))
        if known is not None and known.fingerprint != said.fingerprint:
            cut_node(ending, node_id, "the node has another host key now", actor)
        return view_of(stored)

    pinned = await services.store.write(work)
    services.bell.ring()
    return pinned


def _stored(tx: Transaction, name: str) -> StoredResource:
    stored = tx.resources.get("node", name)
    if stored is None:
        raise Missing(f"looking for node/{name}: there is none")
    return stored


def _subjects(stored: StoredResource) -> Subjects:
    return Subjects(node=stored.id, resource=stored.id)
