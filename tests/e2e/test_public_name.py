"""An installation with `tls:`: who trusts the certificate's issuer needs no pin, who brings a pin needs no issuer.

The issuer is made here; SSL_CERT_FILE stands for its place among what a machine trusts.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from demo.installation import DOORWARD, Installation, temporary_folder
from demo.people import Person
from tests.support.accounts import account
from tests.support.house import NODE, ROOT, role
from tests.support.node_lab import PreparedNode, prepare_node

Key = ec.EllipticCurvePrivateKey


@dataclass
class Public:
    """A house behind a public name, and the file of the issuer that its people's machines trust."""

    installation: Installation
    issuer: Path
    admin: Person
    node: PreparedNode

    def person(self, name: str, *, trusts: bool) -> Person:
        """Somebody new, whose machine trusts the issuer or does not."""
        person = self.installation.person(name)
        person.environment = {"SSL_CERT_FILE": str(self.issuer)} if trusts else {}
        return person

    def code_for(self, name: str) -> str:
        """A one-time code for a user with the role."""
        return _said("code", self.admin.dw("users", "add", name, "--role", "ops"))


def _said(what: str, text: str) -> str:
    found = re.search(rf"^{what}: (\S+)", text, re.MULTILINE)
    assert found is not None, text
    return found[1]


def _certificate(name: str, key: Key, issuer: x509.Certificate | None, signed_by: Key) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signed_by.public_key()), critical=False)
        .add_extension(_usage(signs=issuer is None), critical=True)
    )
    if issuer is not None:
        built = built.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return built.sign(signed_by, hashes.SHA256())


def _usage(*, signs: bool) -> x509.KeyUsage:
    no = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return x509.KeyUsage(digital_signature=not signs, key_cert_sign=signs, **no)


def _write(folder: Path) -> Path:
    """Certificate and key of localhost beside the issuer's certificate; the path of the last."""
    issuer_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = _certificate("An issuer that machines trust", issuer_key, None, issuer_key)
    pem = serialization.Encoding.PEM
    (folder / "public.pem").write_bytes(_certificate("localhost", key, issuer, issuer_key).public_bytes(pem))
    (folder / "public.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "public.key").chmod(0o600)
    (folder / "issuer.pem").write_bytes(issuer.public_bytes(pem))
    return folder / "issuer.pem"


@pytest.fixture(scope="module")
def public() -> Iterator[Public]:
    folder = temporary_folder()
    installation = Installation.create(folder)
    issuer = _write(folder)
    with (installation.data / "doorward.yaml").open("a") as settings:
        settings.write(f"tls: {{certificate: {folder / 'public.pem'}, key: {folder / 'public.key'}}}\n")
    admin = installation.person("admin")
    admin.environment = {"SSL_CERT_FILE": str(issuer)}
    node: PreparedNode | None = None
    try:
        installation.start()
        admin.enrol(installation.url, installation.first_code)
        admin.dw("apply", "-f", "-", stdin=role("ops"))
        node = prepare_node(admin, NODE, [ROOT], ["env=prod"])
        yield Public(installation, issuer, admin, node)
    finally:
        installation.stop()
        if node is not None:
            node.sshd.close()
        shutil.rmtree(folder, ignore_errors=True)


def test_who_trusts_the_issuer_signs_up_without_a_pin_and_reaches_the_node(public: Public) -> None:
    person = public.person("pat", trusts=True)
    person.enrol(public.installation.url, public.code_for("pat"))
    assert not (person.keep / "root.pem").exists()
    assert NODE in person.dw("ls")
    target = f"{account(ROOT).login}@{NODE}@localhost"
    command = ["ssh", *person.ssh_options(), "-p", str(public.installation.port), target, "echo in; exit 4"]
    done = subprocess.run(command, env=person.env(), capture_output=True, timeout=40, check=False)
    assert (done.returncode, done.stdout) == (4, b"in\n")
    assert person.login(public.installation.url).returncode == 0


def test_who_brings_the_pin_needs_no_issuer_and_is_shown_the_installation_s_own_certificate(public: Public) -> None:
    person = public.person("pina", trusts=False)
    person.enrol(public.installation.url, public.code_for("pina"), public.installation.pin)
    assert (person.keep / "root.pem").exists()
    assert NODE in person.dw("ls")


def test_who_has_neither_is_told_so_and_says_nothing_secret(public: Public) -> None:
    person = public.person("nemo", trusts=False)
    done = person.run(
        "login", public.installation.url, "--user", "nemo", "--password-stdin", stdin="secret of nemo\n123456\n"
    )
    assert done.returncode == 5
    assert "certificate" in done.stderr
    assert "--ca-pin" in done.stderr


def test_a_gateway_joins_by_the_pin_whatever_certificate_people_see(public: Public, tmp_path: Path) -> None:
    words = ["tokens", "add", "--type", "gateway", "--name", "far", "--host", "127.0.0.2"]
    token = _said("token", public.admin.dw(*words))
    joining = [
        "join",
        "--data",
        str(tmp_path / "far"),
        "--authority",
        f"127.0.0.1:{public.installation.authority_port}",
    ]
    joining += ["--ca-pin", public.installation.pin, "--token", "-", "--name", "127.0.0.2"]
    done = subprocess.run(
        [*DOORWARD, *joining],
        env=public.installation.env(),
        input=f"{token}\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "far" in public.admin.dw("gateways", "ls")
