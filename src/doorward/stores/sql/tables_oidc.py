"""The tables of signing in through a provider: begun flows, sign-ins that stand on a provider's word, spent log-outs.

No secret of anyone lies here in plain: states and token ids are hashes, refresh tokens are not stored at all.
"""

from typing import Final

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, String, Table

from doorward.stores.sql.tables import ID, metadata
from doorward.stores.sql.types import Moment

ISSUER: Final = String(512)
SUB: Final = String(255)

oidc_flows = Table(
    "oidc_flows",
    metadata,
    Column("id", ID, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("connector_id", ID, nullable=False),
    Column("issuer", ISSUER, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("nonce", String(64), nullable=False),
    Column("challenge", String(64), nullable=False),
    Column("redirect_uri", String(255), nullable=False),
    Column("ssh_key", LargeBinary, nullable=False),
    Column("x509_key", LargeBinary, nullable=False),
    Column("client", String(255), nullable=False),
    Column("source", String(255), nullable=False),
    Column("network", String(64), nullable=False),
    Column("created", Moment, nullable=False),
    Column("expires", Moment, nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("used", Moment),
)

oidc_sign_ins = Table(
    "oidc_sign_ins",
    metadata,
    Column("sign_in_id", ID, ForeignKey("sign_ins.id"), primary_key=True),
    Column("user_id", ID, nullable=False),
    Column("connector_id", ID, nullable=False),
    Column("issuer", ISSUER, nullable=False),
    Column("sub", SUB, nullable=False),
    Column("sid", SUB, nullable=False),
    Column("checked", Moment, nullable=False),
    Column("due", Moment, nullable=False),
    Column("too_old", Moment, nullable=False),
)
Index("oidc_sign_ins_sub", oidc_sign_ins.c.issuer, oidc_sign_ins.c.sub)
Index("oidc_sign_ins_sid", oidc_sign_ins.c.issuer, oidc_sign_ins.c.sid)

oidc_logouts = Table(
    "oidc_logouts",
    metadata,
    Column("jti_hash", LargeBinary, primary_key=True),
    Column("expires", Moment, nullable=False, index=True),
)
