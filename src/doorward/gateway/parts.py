"""What the parts of a gateway share, made once by `gateway.process`."""

from dataclasses import dataclass

from asyncssh import SSHClientConnectionOptions

from doorward.api.bodies.gateway_calls import GatewayTrust
from doorward.base.clock import Clock
from doorward.base.entropy import Entropy
from doorward.gateway.ports import ControlPlane
from doorward.gateway.recorder.spool import Spool
from doorward.gateway.reports import Outlet
from doorward.gateway.sessions import Sessions
from doorward.net.supervise import Tasks


@dataclass(slots=True)
class GatewayParts:
    """One gateway. `trust` is replaced when the authority's answer changes; nothing else ever is."""

    control_plane: ControlPlane
    sessions: Sessions
    spool: Spool
    tasks: Tasks
    clock: Clock
    entropy: Entropy
    trust: GatewayTrust
    node_options: SSHClientConnectionOptions
    outlet: Outlet
