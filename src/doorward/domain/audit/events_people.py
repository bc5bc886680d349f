"""Events about the installation, users, their factors and their sign-ins (DW1xxx).

`sign_in.failed_summary` is one event per source and minute: before someone is known, nothing is written per attempt,
so that nobody can fill the log from outside (security.md 10).
"""

from typing import Final

from doorward.domain.audit.event_types import EventType, Shape, event_type, public, sensitive

INSTALLATION_CREATED: Final = event_type(
    "DW1001",
    "installation.created",
    "keys, database and installation id were made",
    public("installation", "version", required=True),
)
ADMIN_CODE_ISSUED: Final = event_type(
    "DW1002",
    "admin.code_issued",
    "a code for the first administrator was printed",
    public("expires_micros", shape=Shape.INTEGER),
)
AUTHORITY_STARTED: Final = event_type(
    "DW1003", "authority.started", "an authority process started", public("version"), public("engine")
)
STORE_MIGRATED: Final = event_type(
    "DW1004", "store.migrated", "the tables were brought to a newer revision", public("before", "after")
)
INSTALLATION_RESTORED: Final = event_type(
    "DW1005",
    "installation.restored",
    "a copy of the database was put back, and what was open in it was closed",
    public("sessions", "sign_ins", "codes", "tokens", "epoch", shape=Shape.INTEGER),
)
USER_INVITED: Final = event_type(
    "DW1101",
    "user.invited",
    "a code was made with which a user sets up factors",
    public("purpose"),
    public("expires_micros", shape=Shape.INTEGER),
    sensitive("user_name"),
)
USER_ENROLLED: Final = event_type(
    "DW1102", "user.enrolled", "a user set up factors with a code", public("purpose"), sensitive("user_name", "source")
)
USER_RESET: Final = event_type(
    "DW1103",
    "user.reset",
    "a user's factors were removed and a new code was made",
    public("sign_ins_ended", "factors_removed", shape=Shape.INTEGER),
    sensitive("user_name"),
)
USER_DISABLED: Final = event_type(
    "DW1104",
    "user.disabled",
    "a user was disabled",
    public("sign_ins_ended", shape=Shape.INTEGER),
    sensitive("user_name"),
)
USER_ENABLED: Final = event_type("DW1105", "user.enabled", "a disabled user was let in again", sensitive("user_name"))
USER_LOCKED_OUT: Final = event_type(
    "DW1106",
    "user.locked_out",
    "a user's factors failed too often and are refused for a while",
    public("failures", "until_micros", shape=Shape.INTEGER),
    sensitive("user_name", "source"),
)
PERSON_LINKED: Final = event_type(
    "DW1107", "person.linked", "an identity was linked to a person", public("issuer"), sensitive("identity")
)
USER_SIGNED_IN: Final = event_type(
    "DW1201",
    "user.signed_in",
    "a user proved to be one and got certificates",
    public("method", required=True),
    public("ssh_serial", "x509_serial", "ssh_key_id"),
    public("until_micros", shape=Shape.INTEGER),
    sensitive("user_name", "source", "source_network", "client"),
    sensitive("roles", shape=Shape.LIST),
    sensitive("traits", shape=Shape.OBJECT),
)
SIGN_IN_FAILED_SUMMARY: Final = event_type(
    "DW1202",
    "sign_in.failed_summary",
    "failed sign-ins from one source within a minute",
    public("attempts", shape=Shape.INTEGER, required=True),
    public("first_micros", "last_micros", shape=Shape.INTEGER),
    public("reasons", shape=Shape.OBJECT),
    sensitive("source"),
    sensitive("names_sample", shape=Shape.LIST),
)
SIGN_IN_ENDED: Final = event_type(
    "DW1203",
    "sign_in.ended",
    "a sign-in ended before its time",
    public("reason", required=True),
    public("sessions_ended", shape=Shape.INTEGER),
    sensitive("user_name"),
)
FACTOR_ENROLLED: Final = event_type(
    "DW1301", "factor.enrolled", "a factor was added to a user", public("factor", "factor_id", "enrolled_by")
)
FACTOR_REMOVED: Final = event_type(
    "DW1302", "factor.removed", "a factor was taken from a user", public("factor", "factor_id")
)
FACTOR_FAILED: Final = event_type(
    "DW1303",
    "factor.failed",
    "a known user's factor did not match",
    public("factor", "reason"),
    public("failures", shape=Shape.INTEGER),
    sensitive("source"),
)
MFA_VERIFIED: Final = event_type(
    "DW1306",
    "mfa.verified",
    "a second factor was spent for one session, or ahead of one",
    public("factor", "purpose"),
    sensitive("source"),
)

PEOPLE_EVENTS: Final[tuple[EventType, ...]] = (
    INSTALLATION_CREATED,
    ADMIN_CODE_ISSUED,
    AUTHORITY_STARTED,
    STORE_MIGRATED,
    INSTALLATION_RESTORED,
    USER_INVITED,
    USER_ENROLLED,
    USER_RESET,
    USER_DISABLED,
    USER_ENABLED,
    USER_LOCKED_OUT,
    PERSON_LINKED,
    USER_SIGNED_IN,
    SIGN_IN_FAILED_SUMMARY,
    SIGN_IN_ENDED,
    FACTOR_ENROLLED,
    FACTOR_REMOVED,
    FACTOR_FAILED,
    MFA_VERIFIED,
)
