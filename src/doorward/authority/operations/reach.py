"""What someone may reach, and why: lists and explanations, cut to what the asker may know of.

One predicate, `may_know`, stands behind all of it: what it hides does not exist for the asker.
"""

from typing import Final

from doorward.api.bodies.access import Explain, Explanation, ReachableNode
from doorward.authority.callers import UserCaller
from doorward.authority.policy import PolicyView
from doorward.authority.ports import Transaction
from doorward.authority.rights import has_right, require
from doorward.authority.services import Services
from doorward.base.errors import Missing
from doorward.base.ids import NodeId, SignInId, UserId
from doorward.domain.access.decide import decide
from doorward.domain.access.explain import explain
from doorward.domain.access.gateway_scope import in_scope
from doorward.domain.access.known import may_know
from doorward.domain.access.listing import Listing
from doorward.domain.access.prepared import Prepared
from doorward.domain.access.question import Context, Target, Wanted
from doorward.domain.access.readiness import Unmet, unmet
from doorward.domain.access.verdict import Allow

_NEVER_MET: Final = {
    Unmet.WEBAUTHN: "it needs a passkey for each session, which ssh can not ask for",
    Unmet.TRUSTED_DEVICE: "it needs a trusted device",
}
_NOWHERE = Target(kind="node", id="", name="", labels={})


async def list_nodes(services: Services, caller: UserCaller) -> list[ReachableNode]:
    """The nodes that the caller may know of, with the accounts open to them now."""
    return await services.store.read(lambda tx: reachable_nodes(services, tx, caller))


def reachable_nodes(services: Services, tx: Transaction, caller: UserCaller) -> list[ReachableNode]:
    """The same inside a transaction; equal to deciding each node and login one by one."""
    view = services.policy.view(tx)
    prepared = view.prepared(caller.user_id, caller.sign_in_id)
    verified = tx.node_hosts.verified()
    listing = Listing(prepared, view.locks, tx.now)
    found: list[ReachableNode] = []
    for name in sorted(view.node_names):
        target = view.targets[view.node_names[name]]
        logins, known = listing.of(target)
        if logins or known:
            found.append(ReachableNode(name, dict(target.labels), list(logins), target.id in verified))
    return found


async def explain_access(services: Services, caller: UserCaller, said: Explain) -> Explanation:
    """Whether it would open, and why. For somebody else it needs a right over both: to read users and roles, and
    to read nodes or to know of this one oneself. What somebody else may know of is never the asker's knowledge.
    """

    def work(tx: Transaction) -> Explanation:
        view = services.policy.view(tx)
        prepared = _of_whom(services, tx, view, caller, said.user)
        found = view.targets.get(view.node_names.get(said.node, ""), _NOWHERE)
        sees_all = has_right(services, tx, caller, "role", "read") and has_right(services, tx, caller, "node", "read")
        asker = view.prepared(caller.user_id, caller.sign_in_id)
        knows = found is not _NOWHERE and (sees_all or may_know(asker, found, tx.now))
        target = found if knows else _NOWHERE
        context = Context(sign_in_ends=None, signed_in_from=caller.source, source_address=caller.source)
        decision = decide(prepared, target, Wanted(login=said.login), view.locks, context, tx.now)
        lines = list(explain(decision, target, Wanted(login=said.login), knows=knows, overseer=sees_all))
        if not isinstance(decision, Allow) or not knows:
            return Explanation(False, lines)
        shut = _shut(tx, target, unmet(decision.obligations, context, tx.now))
        return Explanation(not shut, lines + shut, dict(decision.obligations.dump()))

    return await services.store.read(work)


def _shut(tx: Transaction, target: Target, owed: tuple[Unmet, ...]) -> list[str]:
    """Why an allowed session would not open all the same; what a person can give at the door is not among it."""
    why = [_NEVER_MET[one] for one in owed if one in _NEVER_MET]
    if tx.node_hosts.get(NodeId(target.id)) is None:
        why.append(f"{target.name} is not verified yet: an administrator runs dw nodes setup {target.name}")
    if not any(in_scope(one.scope, target.labels) for one in tx.gateways.list() if not one.disabled):
        why.append(f"{target.name} is in the scope of no gateway: an administrator looks at dw gateways ls")
    return [f"but it does not open: {one}" for one in why]


def _of_whom(services: Services, tx: Transaction, view: PolicyView, caller: UserCaller, name: str | None) -> Prepared:
    if name is None or name == caller.user_name:
        return view.prepared(caller.user_id, caller.sign_in_id)
    require(services, tx, caller, "user", "read")
    require(services, tx, caller, "role", "read")
    found = view.user_named(name.lower())
    if found is None:
        raise Missing(f"looking for a user: there is no {name}")
    return view.prepared(UserId(found[0].id), SignInId(""))
