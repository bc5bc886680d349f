"""The decision: may this principal use this account on this resource, now?

In this order: locks; denies of all roles; at least one single role that matches labels and every part of the account;
the strictest options of all that matched. Active grants add their roles, only for their resources, accounts and time,
in a second run that is made when the standing roles do not suffice, so that a grant takes no standing access away.
Whatever can not be evaluated denies. Nothing here raises, reads a clock or looks anything up.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from doorward.domain.access.criticality import CRITICAL_STEP, is_critical, on_critical
from doorward.domain.access.labels import Labels
from doorward.domain.access.locks import Lock, facts_of, locks_hit
from doorward.domain.access.obligations import Obligations
from doorward.domain.access.options import merge_options
from doorward.domain.access.prepared import KindPolicy, Prepared
from doorward.domain.access.question import Context, Target, Wanted
from doorward.domain.access.resource_kinds import RESOURCE_KINDS
from doorward.domain.access.verdict import STANDING, Allow, Decision, Deny, Outcome, Reason, Step

NO_CONTEXT: Final = Context()
_END_OF_TIME: Final = datetime.max.replace(tzinfo=UTC)
_DIMENSIONS: Final = {
    kind.name: frozenset(dimension.name for dimension in kind.dimensions) for kind in RESOURCE_KINDS.values()
}

Asked = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Question:
    """The arguments of `decide`, together."""

    prepared: Prepared
    target: Target
    wanted: Wanted
    locks: Sequence[Lock]
    context: Context
    now: datetime


@dataclass(frozen=True, slots=True)
class _Run:
    """What one pass over some policies found: places of the roles that matched, by policy, or why not."""

    matched: tuple[tuple[int, ...], ...]
    reasons: tuple[Reason, ...]
    trace: tuple[Step, ...]


def decide(  # noqa: PLR0917  (each argument is one input of the rule, in the order of the rule)
    prepared: Prepared, target: Target, wanted: Wanted, locks: Sequence[Lock], context: Context, now: datetime
) -> Decision:
    """Allow or deny, with the trace. `now` is aware; `locks` are all that could concern the principal or the target."""
    malformed = _malformed(target, wanted)
    if malformed is not None:
        return Deny((Reason.MALFORMED,), (malformed,))
    if locks:
        facts = facts_of(prepared.subject, target=target, wanted=wanted, session_id=context.session_id)
        hit = locks_hit(locks, facts, now)
        if hit:
            return Deny((Reason.LOCKED,), tuple(lock.step for lock in hit))
    if context.sign_in_ends is not None and context.sign_in_ends <= now:
        return Deny((Reason.OVER,), (Step("sign-in", "ends", "", Outcome.MISSED),))
    policy = prepared.standing(target.kind)
    run = _run((policy,), target.labels, wanted.named)
    if not run.reasons and context.basis in (None, STANDING):
        obligations = policy.obligations(run.matched[0])
        return _allowed(obligations, STANDING, run.trace, context, labels=target.labels, now=now, ends=None)
    if context.basis == STANDING or not prepared.grants:
        return Deny(run.reasons or (Reason.NO_SUCH_BASIS,), run.trace)
    return _with_grants(_Question(prepared, target, wanted, locks, context, now), run)


def _malformed(target: Target, wanted: Wanted) -> Step | None:
    kind = RESOURCE_KINDS.get(target.kind)
    if kind is None:
        return Step("question", "kind", target.kind, Outcome.BROKEN)
    known = _DIMENSIONS[kind.name]
    for name, _ in wanted.named:
        if name not in known:
            return Step("question", name, f"is no part of an account on a {kind.name}", Outcome.BROKEN)
    if not wanted.partial:
        for name in kind.needed:
            if getattr(wanted, name) is None:
                return Step("question", name, "is not named", Outcome.BROKEN)
    return None


def _run(policies: tuple[KindPolicy, ...], labels: Labels, asked: Asked) -> _Run:
    trace: list[Step] = []
    reasons: list[Reason] = []
    for policy in policies:
        _collect_denials(policy, labels, asked, trace)
    if trace:
        broken = any(step.outcome is Outcome.BROKEN for step in trace)
        reasons.append(Reason.BROKEN_RULE if broken else Reason.DENIED)
    matched: list[tuple[int, ...]] = []
    for policy in policies:
        places, broken = _collect_matches(policy, labels, asked, trace)
        matched.append(places)
        if broken and Reason.BROKEN_RULE not in reasons:
            reasons.append(Reason.BROKEN_RULE)
    if not any(matched):
        reasons.append(Reason.NOT_ALLOWED)
    return _Run(tuple(matched), tuple(reasons), tuple(trace))


def _collect_denials(policy: KindPolicy, labels: Labels, asked: Asked, trace: list[Step]) -> None:
    for role in policy.denying:
        if role.labels is not None:
            step = role.labels.check(labels)
            if step is not None:
                trace.append(step)
        for name, value in asked:
            matcher = role.matchers.get(name)
            if matcher is not None:
                step = matcher.check(value)
                if step.outcome is not Outcome.MISSED:
                    trace.append(step)


def _collect_matches(
    policy: KindPolicy, labels: Labels, asked: Asked, trace: list[Step]
) -> tuple[tuple[int, ...], bool]:
    """The places of the roles that matched, and whether any could not be evaluated."""
    matched: list[int] = []
    broken = False
    for place, role in enumerate(policy.allowing):
        step = role.labels.check(labels)
        trace.append(step)
        outcome = step.outcome
        if outcome is not Outcome.MATCHED:
            broken = broken or outcome is Outcome.BROKEN
            continue
        for name, value in asked:
            matcher = role.matchers.get(name)
            step = role.unmatched[name] if matcher is None else matcher.check(value)
            trace.append(step)
            if step.outcome is not Outcome.MATCHED:
                break
        else:
            matched.append(place)
    return tuple(matched), broken


def _with_grants(question: _Question, standing: _Run) -> Decision:
    """The second run: standing roles and what every covering grant adds. `standing` is what the first one said."""
    prepared, target, context = question.prepared, question.target, question.context
    covering, steps = _covering(question)
    if not covering:
        reasons = (Reason.LOCKED,) if steps else standing.reasons or (Reason.NO_SUCH_BASIS,)
        return Deny(reasons, (*steps, *standing.trace))
    policies = (prepared.standing(target.kind), *(prepared.granted(target.kind, place) for place in covering))
    run = _run(policies, target.labels, question.wanted.named)
    trace = (*steps, *run.trace)
    if run.reasons:
        return Deny(run.reasons, trace)
    bases = [prepared.grants[place] for place, matched in zip(covering, run.matched[1:], strict=True) if matched]
    chosen = [grant for grant in bases if context.basis in (None, grant.id)]
    if not chosen:
        return Deny((Reason.NO_SUCH_BASIS,), trace)
    basis = max(chosen, key=lambda grant: (grant.until, grant.id))
    matched_roles = (
        policy.allowing[place].role for policy, places in zip(policies, run.matched, strict=True) for place in places
    )
    obligations = merge_options((role.options for role in matched_roles), target.kind)
    step = Step(basis.id, "grant", basis.request_id, Outcome.MATCHED)
    trace, labels = (*trace, step), target.labels
    return _allowed(obligations, basis.id, trace, context, labels=labels, now=question.now, ends=basis.until)


def _covering(question: _Question) -> tuple[list[int], list[Step]]:
    """The places of the grants that speak of this use and are not locked, and the locks that hit the others."""
    steps: list[Step] = []
    covering: list[int] = []
    for place, grant in enumerate(question.prepared.grants):
        if not grant.covers(question.target, question.wanted, question.now):
            continue
        facts = facts_of(
            question.prepared.subject,
            target=question.target,
            wanted=question.wanted,
            session_id=question.context.session_id,
            role_names=tuple(role.name for role in grant.roles),
            request_id=grant.request_id,
        )
        hit = locks_hit(question.locks, facts, question.now)
        steps.extend(lock.step for lock in hit)
        if not hit:
            covering.append(place)
    return covering, steps


def _allowed(
    obligations: Obligations,
    basis: str,
    trace: tuple[Step, ...],
    context: Context,
    *,
    labels: Labels,
    now: datetime,
    ends: datetime | None,
) -> Allow:
    if context.least_mfa > obligations.require_session_mfa:
        obligations = replace(obligations, require_session_mfa=context.least_mfa)
    if is_critical(labels):
        obligations, trace = on_critical(obligations), (*trace, CRITICAL_STEP)
    try:
        until = now + obligations.max_session_ttl
    except OverflowError:
        until = _END_OF_TIME
    for end in (ends, context.sign_in_ends):
        if end is not None and end < until:
            until = end
    return Allow(obligations, until, basis, trace)
