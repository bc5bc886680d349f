"""A signed certificate is what OpenSSH's own tools and asyncssh accept, for the key that signed it."""

from datetime import UTC, datetime
from typing import Any

import asyncssh
from tests.support.authorities import ed25519_key, ssh_authority

from doorward.base.entropy import SeededEntropy
from doorward.base.ids import NodeId, SessionId, new_id
from doorward.domain.certificates.purposes import Purpose
from doorward.domain.certificates.signatures import verify_signature
from doorward.domain.certificates.ssh_profiles import session_fields
from doorward.wire.ssh.certificate import CertificateFields, parse_certificate
from doorward.wire.ssh.public_key import public_key_line

CA = ssh_authority(Purpose.SESSION_SSH)
NODE = NodeId(new_id(SeededEntropy(1)))


def fresh_fields() -> CertificateFields:
    """Made in the test that uses it: it lives for a minute, and asyncssh reads the machine's clock."""
    return session_fields(
        session_id=SessionId(new_id(SeededEntropy(2))),
        node_id=NODE,
        login="root",
        public_key=ed25519_key(3)[1],
        serial=3,
        now=datetime.now(UTC),
        extensions=["permit-pty"],
        force_command="/usr/bin/id -u",
        source_addresses=["192.0.2.0/24"],
    )


def test_signature_verifies_under_the_authority_that_is_named() -> None:
    fields = fresh_fields()
    certificate = parse_certificate(CA.sign(fields, bytes(32)))
    assert certificate.fields == fields
    assert certificate.signature_key == CA.public_blob
    assert verify_signature(CA.public_blob, "ssh-ed25519", certificate.signature, certificate.signed_part)


def test_asyncssh_accepts_it_for_its_principal_and_no_other() -> None:
    certificate: Any = asyncssh.import_certificate(public_key_line(CA.sign(fresh_fields(), bytes(32))))
    certificate.validate(1, f"dw:{NODE}:root")
    assert certificate.options["force-command"] == "/usr/bin/id -u"
    assert certificate.options["permit-pty"]
    assert "permit-agent-forwarding" not in certificate.options
    try:
        certificate.validate(1, "root")
    except ValueError:
        return
    raise AssertionError("another principal passed")


def test_nonce_makes_two_certificates_of_the_same_fields_differ() -> None:
    fields = fresh_fields()
    assert CA.sign(fields, bytes(32)) != CA.sign(fields, b"\x01" * 32)
