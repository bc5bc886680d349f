"""Hypothesis strategies for SSH keys, certificates and signed sign-ins, of every accepted kind."""

from hypothesis import strategies as st

from doorward.wire.ssh.certificate import CertificateFields, CertificateType
from doorward.wire.ssh.public_key import (
    ECDSA_CURVES,
    ED25519,
    RSA,
    SK_ECDSA,
    SK_ED25519,
    EcdsaKey,
    Ed25519Key,
    RsaKey,
    encode_public_key,
)
from doorward.wire.ssh.userauth import (
    METHOD_HOSTBOUND,
    METHOD_PLAIN,
    PUBLIC_KEY_ALGORITHMS,
    SERVICE,
    PublicKeyProof,
)

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
RAW_KEYS = st.binary(min_size=32, max_size=32)
POINTS = st.binary(min_size=64, max_size=132).map(lambda tail: b"\x04" + tail)
BLOBS = st.one_of(
    st.builds(lambda raw: encode_public_key(ED25519, Ed25519Key(raw)), RAW_KEYS),
    st.builds(lambda raw, name: encode_public_key(SK_ED25519, Ed25519Key(raw, name)), RAW_KEYS, TEXTS),
    st.builds(lambda point, name: encode_public_key(SK_ECDSA, EcdsaKey("nistp256", point, name)), POINTS, TEXTS),
    st.builds(
        lambda kind, point: encode_public_key(kind, EcdsaKey(ECDSA_CURVES[kind], point)),
        st.sampled_from(sorted(ECDSA_CURVES)),
        POINTS,
    ),
    st.builds(lambda e, n: encode_public_key(RSA, RsaKey(e, n)), st.integers(0, 2**33), st.integers(0, 2**2050)),
)
OPTIONS = st.dictionaries(TEXTS, st.binary(max_size=20), max_size=4).map(
    lambda options: tuple(sorted(options.items(), key=lambda item: item[0].encode()))
)
FIELDS = st.builds(
    CertificateFields,
    type=st.sampled_from(CertificateType),
    serial=st.integers(0, 2**64 - 1),
    key_id=TEXTS,
    principals=st.lists(TEXTS, max_size=4).map(tuple),
    valid_after=st.integers(0, 2**64 - 1),
    valid_before=st.integers(0, 2**64 - 1),
    critical_options=OPTIONS,
    extensions=OPTIONS,
    public_key=BLOBS,
)


def _proof(
    method: str, session_id: bytes, user_name: str, algorithm: str, blobs: tuple[bytes, bytes]
) -> PublicKeyProof:
    host_key = blobs[1] if method == METHOD_HOSTBOUND else None
    return PublicKeyProof(session_id, user_name, SERVICE, method, algorithm, blobs[0], host_key)


PROOFS = st.builds(
    _proof,
    st.sampled_from([METHOD_PLAIN, METHOD_HOSTBOUND]),
    st.binary(min_size=20, max_size=64),
    TEXTS,
    st.sampled_from(sorted(PUBLIC_KEY_ALGORITHMS)),
    st.tuples(st.binary(max_size=60), st.binary(max_size=60)),
)
