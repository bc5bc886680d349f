"""Keys are replaced while people work: ssh opens at each step, and the old keys open nothing when they are gone.

The tests keep a copy of the keys, as a thief would. A house of their own: what they do to the authorities concerns
everybody.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from demo.installation import DOORWARD
from tests.support.accounts import account
from tests.support.house import APP, NODE, ROOT, House, eventually
from tests.support.node_lab import run_script
from tests.support.openssh import SshClient, run_ssh
from tests.support.people import Person
from tests.support.ssh_keys import make_key

from doorward.base.entropy import SystemEntropy
from doorward.base.ids import InstallationId, NodeId, SessionId, new_id
from doorward.domain.certificates.purposes import KeyState, Purpose
from doorward.domain.certificates.ssh_profiles import session_fields
from doorward.domain.certificates.ssh_signing import NONCE_BYTES, SshAuthority
from doorward.stores.keys.kek import KekFile, load_kek
from doorward.stores.keys.key_files import open_keys
from doorward.stores.keys.key_ring import FileKeyRing
from doorward.wire.ssh.certificate import CertificateFields, parse_certificate
from doorward.wire.ssh.public_key import parse_public_key_line, public_key_line


@pytest.fixture(scope="module")
def own() -> Iterator[House]:
    with House.build() as built:
        yield built


@pytest.fixture(scope="module")
def bob(own: House) -> Person:
    return own.user("bob")


def keys_in(own: House, directory: Path) -> FileKeyRing:
    kek = load_kek(KekFile(own.installation.data / "kek"), {})
    identity = InstallationId((own.installation.data / "installation").read_text().strip())
    return open_keys(directory, kek, identity)


def signing(ring: FileKeyRing, purpose: Purpose) -> SshAuthority:
    key = next(key for key in ring.signing_keys if (key.purpose, key.state) == (purpose, KeyState.CURRENT))
    assert isinstance(key.private_key, Ed25519PrivateKey)
    return SshAuthority(key.private_key)


def forged(stolen: SshAuthority, fields: CertificateFields) -> str:
    return public_key_line(stolen.sign(fields, SystemEntropy().token(NONCE_BYTES)), "forged") + "\n"


def opens(own: House, person: Person) -> bool:
    done = own.ssh(person, "exit 7")
    return done.returncode == 7


def thief_opens_the_node(own: House, stolen: SshAuthority, folder: Path) -> bool:
    """Past the gateway, with a certificate that only the session authority could have given."""
    folder.mkdir(exist_ok=True)
    key = folder / "key"
    if not key.exists():
        make_key(key)
    node = json.loads(own.admin.dw("get", f"node/{NODE}", "-o", "json"))
    fields = session_fields(
        session_id=SessionId(new_id(SystemEntropy())),
        node_id=NodeId(node["id"]),
        login=own.root,
        public_key=parse_public_key_line(key.with_suffix(".pub").read_text()),
        serial=1,
        now=datetime.now(UTC),
    )
    certificate = folder / "key-cert.pub"
    certificate.write_text(forged(stolen, fields))
    sshd = own.node.sshd
    client = SshClient(folder, key, certificate, (sshd.known_hosts_line(),))
    return run_ssh(f"{own.root}@127.0.0.1", "exit 7", client=client, port=sshd.port).exit_code == 7


def thief_signs_in(own: House, stolen: SshAuthority, victim: Person) -> bool:
    """At the gateway, with the victim's own key and a certificate that only the users' authority could have given."""
    thief = own.installation.person("thief")
    shutil.rmtree(thief.keep, ignore_errors=True)
    shutil.copytree(victim.keep, thief.keep)
    place = thief.keep / "id_ed25519-cert.pub"
    real = parse_certificate(parse_public_key_line(place.read_text()))
    place.write_text(forged(stolen, replace(real.fields)))
    return opens(own, thief)


def rotate(own: House, purpose: str) -> subprocess.CompletedProcess[str]:
    return own.admin.run("ca", "rotate", purpose)


def set_up_again(own: House) -> None:
    words = [word for login in (ROOT, APP) for word in ("--login", account(login).login)]
    done = run_script(own.admin.dw("nodes", "setup", NODE, *words), own.node.sshd)
    assert done.returncode == 0, done.stderr


def test_sessions_key_is_replaced_while_ssh_works_and_the_old_one_opens_no_node(
    own: House, bob: Person, tmp_path: Path
) -> None:
    stolen = signing(keys_in(own, own.installation.data / "keys"), Purpose.SESSION_SSH)
    assert opens(own, bob)
    assert thief_opens_the_node(own, stolen, tmp_path / "thief"), "the copy of the key is good for something"

    assert "session-ssh is prepared" in rotate(own, "session-ssh").stdout
    assert opens(own, bob)
    refused = rotate(own, "session-ssh")
    assert refused.returncode == 1
    assert f"node {NODE}: it lacks the new key" in refused.stderr
    assert opens(own, bob)

    set_up_again(own)
    assert "session-ssh is switched" in rotate(own, "session-ssh").stdout
    assert opens(own, bob)
    assert signing(keys_in(own, own.installation.data / "keys"), Purpose.SESSION_SSH).public_blob != stolen.public_blob
    own.installation.stop()
    own.installation.start()
    # The gateway takes its lease a moment after it has said that it is ready.
    eventually(lambda: opens(own, bob), "a signer that starts anew does not sign with the new key")

    retired = rotate(own, "session-ssh").stdout
    assert f"node {NODE} still trusts a key that is gone" in retired
    assert opens(own, bob)
    set_up_again(own)
    assert "still trusts" not in own.admin.dw("ca", "status")
    assert opens(own, bob)
    assert not thief_opens_the_node(own, stolen, tmp_path / "thief")


def test_users_key_is_replaced_while_ssh_works_and_the_old_one_signs_nobody_in(own: House, bob: Person) -> None:
    stolen = signing(keys_in(own, own.installation.data / "keys"), Purpose.USER_SSH)
    assert "user-ssh is prepared" in rotate(own, "user-ssh").stdout
    assert opens(own, bob)
    assert thief_signs_in(own, stolen, bob)

    # The gateway hears of it on its watch stream, within about a second.
    eventually(lambda: rotate(own, "user-ssh").returncode == 0, "the gateway does not hear of the new key")
    assert opens(own, bob), "whoever signed in before the switch stays signed in"
    carl = own.user("carl")
    assert opens(own, carl)
    refused = rotate(own, "user-ssh")
    assert refused.returncode == 1
    assert "under the old key" in refused.stderr

    for person in (own.admin, bob):
        person.dw("logout")
        done = person.login(own.installation.url)
        assert done.returncode == 0, done.stderr
    assert opens(own, bob)
    assert thief_signs_in(own, stolen, bob), "until the old key is gone, it is trusted"
    assert "user-ssh is stable" in rotate(own, "user-ssh").stdout

    eventually(lambda: not thief_signs_in(own, stolen, bob), "the old key still signs in")
    assert opens(own, bob)
    assert opens(own, carl)


def test_a_backup_holds_the_new_key_and_the_log_its_making(own: House, tmp_path: Path) -> None:
    rotate(own, "node-host")
    words = [*DOORWARD, "backup", "--data", str(own.installation.data), str(tmp_path / "copy")]
    done = subprocess.run(words, env=own.installation.env(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    here, there = (keys_in(own, folder / "keys") for folder in (own.installation.data, tmp_path / "copy"))
    assert {(key.key_id, key.state) for key in here.signing_keys} == {
        (key.key_id, key.state) for key in there.signing_keys
    }
    fields = [event["fields"] for event in own.events("--type", "authority_key.rotated")]
    (prepared,) = [each for each in fields if each["kind"] == "node-host"]
    following = json.loads(own.admin.dw("ca", "status", "--json"))["items"]
    assert prepared["step"] == "prepared"
    assert prepared["fingerprint"] in [
        each["fingerprint"] for each in following if (each["purpose"], each["state"]) == ("node-host", "next")
    ]
    own.admin.dw("audit", "verify")
