"""Everything that one unit of work may touch, on one connection at one instant."""

from contextlib import AbstractContextManager
from datetime import datetime
from functools import cached_property

from sqlalchemy import Connection

from doorward.authority.ports import Events
from doorward.base.ids import UserId
from doorward.stores.sql.checkpoints import SqlCheckpoints
from doorward.stores.sql.jumps import SqlJumps
from doorward.stores.sql.log_verify import erase_user
from doorward.stores.sql.machines import SqlGateways, SqlJoinTokens, SqlNodeHosts
from doorward.stores.sql.noted_keys import SqlNotedKeys
from doorward.stores.sql.oidc import SqlIdentityLinks, SqlOidcFlows, SqlOidcSignIns
from doorward.stores.sql.people import SqlFailures, SqlInvitations, SqlPasswords, SqlPersons, SqlTotpFactors
from doorward.stores.sql.recent_factors import SqlRecentFactors
from doorward.stores.sql.recordings import SqlRecordings
from doorward.stores.sql.resources import SqlResources
from doorward.stores.sql.sessions import SqlCuts, SqlRevocation, SqlSessions
from doorward.stores.sql.sign_ins import SqlSignIns

Turn = AbstractContextManager[object]


class SqlTransaction:
    """`Transaction` of `authority.ports`. Repositories are made when they are asked for; most works need two."""

    def __init__(self, connection: Connection, now: datetime, events: Events, turn: Turn) -> None:
        self.connection = connection
        self._now = now
        self._events = events
        self._turn = turn

    @property
    def now(self) -> datetime:
        """One instant for the whole unit of work."""
        return self._now

    @property
    def turn(self) -> Turn:
        """The store's one turn."""
        return self._turn

    @property
    def events(self) -> Events:
        """The audit log."""
        return self._events

    @cached_property
    def resources(self) -> SqlResources:
        """Declared things."""
        return SqlResources(self.connection)

    @cached_property
    def persons(self) -> SqlPersons:
        """Which person a user is."""
        return SqlPersons(self.connection)

    @cached_property
    def passwords(self) -> SqlPasswords:
        """Password hashes."""
        return SqlPasswords(self.connection)

    @cached_property
    def totp(self) -> SqlTotpFactors:
        """Second factors."""
        return SqlTotpFactors(self.connection)

    @cached_property
    def failures(self) -> SqlFailures:
        """Failures in a row."""
        return SqlFailures(self.connection)

    @cached_property
    def recent_factors(self) -> SqlRecentFactors:
        """Second factors given lately."""
        return SqlRecentFactors(self.connection)

    @cached_property
    def invitations(self) -> SqlInvitations:
        """Codes with which users set up factors."""
        return SqlInvitations(self.connection)

    @cached_property
    def sign_ins(self) -> SqlSignIns:
        """Sign-ins."""
        return SqlSignIns(self.connection)

    @cached_property
    def identity_links(self) -> SqlIdentityLinks:
        """Which users identities at providers sign in."""
        return SqlIdentityLinks(self.connection)

    @cached_property
    def oidc_flows(self) -> SqlOidcFlows:
        """Begun sign-ins through a provider."""
        return SqlOidcFlows(self.connection)

    @cached_property
    def oidc_sign_ins(self) -> SqlOidcSignIns:
        """Sign-ins on a provider's word."""
        return SqlOidcSignIns(self.connection)

    @cached_property
    def sessions(self) -> SqlSessions:
        """Sessions."""
        return SqlSessions(self.connection)

    @cached_property
    def jumps(self) -> SqlJumps:
        """Proofs of jump connections."""
        return SqlJumps(self.connection)

    @cached_property
    def cuts(self) -> SqlCuts:
        """Orders to gateways."""
        return SqlCuts(self.connection)

    @cached_property
    def revocation(self) -> SqlRevocation:
        """The row that orders openings against endings."""
        return SqlRevocation(self.connection)

    @cached_property
    def gateways(self) -> SqlGateways:
        """Gateways that joined."""
        return SqlGateways(self.connection)

    @cached_property
    def join_tokens(self) -> SqlJoinTokens:
        """One-time tokens."""
        return SqlJoinTokens(self.connection)

    @cached_property
    def node_hosts(self) -> SqlNodeHosts:
        """Verified host keys."""
        return SqlNodeHosts(self.connection)

    @cached_property
    def noted_keys(self) -> SqlNotedKeys:
        """Authorities' keys as the log tells of them."""
        return SqlNotedKeys(self.connection)

    @cached_property
    def checkpoints(self) -> SqlCheckpoints:
        """The log's signed checkpoints."""
        return SqlCheckpoints(self.connection)

    @cached_property
    def recordings(self) -> SqlRecordings:
        """What is known of recordings."""
        return SqlRecordings(self.connection)

    def erase_user(self, user_id: UserId) -> int:
        """Remove what the log holds about a user beside its leaves; how many entries had some."""
        return erase_user(self.connection, user_id)
