"""Every SSH algorithm that a gateway offers, to users and to nodes, in this one place.

Modern only (architecture 6): hybrid post-quantum key exchange first, else curve25519; authenticated ciphers, so that no
separate MAC is ever used; Ed25519 host keys, shown as certificates. A test compares a real KEXINIT with these tables.
asyncssh's own defaults still hold SHA-1 and are never used.
"""

from typing import Final

KEY_EXCHANGES: Final = ("mlkem768x25519-sha256", "curve25519-sha256", "curve25519-sha256@libssh.org")
CIPHERS: Final = ("chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
CIPHERS_TO_NODES: Final = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com")
"""Towards nodes we choose, and AES-GCM costs less than half of ChaCha20 on every processor with AES instructions."""
MACS: Final = ("hmac-sha2-256-etm@openssh.com",)
"""Named because the field may not be empty; with the ciphers above it is never used."""
COMPRESSIONS: Final = ("none",)

FACE_HOST_KEYS: Final = ("ssh-ed25519-cert-v01@openssh.com",)
NODE_CERTIFICATES: Final = (
    "ssh-ed25519-cert-v01@openssh.com",
    "ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "ecdsa-sha2-nistp384-cert-v01@openssh.com",
    "ecdsa-sha2-nistp521-cert-v01@openssh.com",
    "rsa-sha2-512-cert-v01@openssh.com",
    "rsa-sha2-256-cert-v01@openssh.com",
)
NODE_PINNED_KEYS: Final = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
}
"""The name of a pinned key -> the signature algorithms that are asked for."""
USER_SIGNATURES: Final = (
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
"""With what users may sign; told to clients as `server-sig-algs`."""
