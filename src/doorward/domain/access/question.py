"""What a decision is asked about: who, what, as whom, and in which circumstances.

Everything here is a fact that an operation gathered beforehand; deciding looks nothing up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from doorward.domain.access.levels import SecondFactor
from doorward.domain.access.role import Role


@dataclass(frozen=True, slots=True)
class Subject:
    """The principal: a person's user, or a bot when `bot_id` is set."""

    user_id: str
    user_name: str
    roles: tuple[Role, ...]
    traits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sign_in_id: str | None = None
    device_id: str | None = None
    bot_id: str | None = None

    @property
    def role_names(self) -> tuple[str, ...]:
        return tuple(role.name for role in self.roles)


@dataclass(frozen=True, slots=True)
class Target:
    """The resource."""

    kind: str
    id: str
    name: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The account asked for, by dimension. `partial` decides on the named ones alone; only test files set it."""

    login: str | None = None
    db_user: str | None = None
    db_name: str | None = None
    windows_login: str | None = None
    kube_user: str | None = None
    kube_group: str | None = None
    partial: bool = False
    named: tuple[tuple[str, str], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        values = (
            ("login", self.login),
            ("db_user", self.db_user),
            ("db_name", self.db_name),
            ("windows_login", self.windows_login),
            ("kube_user", self.kube_user),
            ("kube_group", self.kube_group),
        )
        object.__setattr__(self, "named", tuple((name, value) for name, value in values if value is not None))


@dataclass(frozen=True, slots=True)
class Grant:
    """What one grant contributes: its roles, only for these resources (kind, id), these accounts and this time."""

    id: str
    request_id: str
    roles: tuple[Role, ...]
    resources: frozenset[tuple[str, str]]
    accounts: tuple[Wanted, ...]
    starts: datetime
    until: datetime

    def covers_resource(self, target: Target, now: datetime) -> bool:
        """Whether the grant is active and speaks of the resource."""
        return self.starts <= now < self.until and (target.kind, target.id) in self.resources

    def covers(self, target: Target, wanted: Wanted, now: datetime) -> bool:
        """Whether the grant is active and speaks of the resource and of exactly this account."""
        return self.covers_resource(target, now) and any(account.named == wanted.named for account in self.accounts)


@dataclass(frozen=True, slots=True)
class RecentFactor:
    """A second factor that the same principal gave earlier: how strong, when, and from which address."""

    level: SecondFactor
    at: datetime
    address: str


@dataclass(frozen=True, slots=True)
class Context:
    """The circumstances. `mfa` is the factor given for this very session; `least_mfa` the installation's demand."""

    mfa: SecondFactor = SecondFactor.NO
    recent_factor: RecentFactor | None = None
    least_mfa: SecondFactor = SecondFactor.NO
    device_verified: bool = False
    source_address: str | None = None
    signed_in_from: str | None = None
    session_id: str | None = None
    sign_in_ends: datetime | None = None
    # The grant that the user chose to use, or STANDING; None lets the decision choose.
    basis: str | None = None
