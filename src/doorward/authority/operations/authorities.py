"""The installation's public keys, for people who check or export them."""

import hashlib
from datetime import UTC, datetime

from doorward.api.bodies.administration import Authorities, Authority
from doorward.api.signer.messages import KnownKey
from doorward.authority.services import Services
from doorward.domain.certificates.purposes import SSH_PURPOSES, X509_PURPOSES
from doorward.domain.certificates.x509_check import spki_pin, to_pem
from doorward.wire.ssh.public_key import ed25519_blob, fingerprint, public_key_line


async def authorities(services: Services) -> Authorities:
    """Public halves only; anyone who is signed in may look."""
    known = await services.signer.public_keys()
    return Authorities([_authority(key) for key in known.keys], known.root_pin())


def _authority(key: KnownKey) -> Authority:
    if key.purpose in SSH_PURPOSES:
        public, shown = public_key_line(key.public_key, f"doorward-{key.purpose}"), fingerprint(key.public_key)
    elif key.purpose in X509_PURPOSES and key.certificate:
        public, shown = to_pem(key.certificate), spki_pin(key.certificate)
    elif len(key.public_key) == 32:
        blob = ed25519_blob(key.public_key)
        public, shown = public_key_line(blob, f"doorward-{key.purpose}"), fingerprint(blob)
    else:
        public, shown = key.public_key.hex(), "sha256:" + hashlib.sha256(key.public_key).hexdigest()
    since = datetime.fromtimestamp(key.since, UTC).isoformat() if key.since else ""
    return Authority(str(key.purpose), key.key_id, str(key.state), public, shown, since)
