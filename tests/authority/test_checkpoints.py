"""What the entries of the log alone can not show is found by what the signer signed, and by what events tell."""

import base64

import pytest
from sqlalchemy import text
from tests.support.authority_lab import AuthorityLab, LabSignIn

from doorward.authority.checkpoints import fault_of, origin_of, sign_head
from doorward.authority.operations.audit import verify_audit
from doorward.base.clock import to_micros


@pytest.fixture
async def olga(lab: AuthorityLab) -> LabSignIn:
    return await lab.signed_in("olga", "auditor")


async def logged(lab: AuthorityLab, olga: LabSignIn) -> None:
    """Put an entry with values beside it into the log."""
    await verify_audit(lab.services, olga.caller)
    await lab.apply(
        await lab.signed_in("ada", "admin"),
        "kind: lock\nversion: v1\nmetadata: {name: one}\nspec: {target: {user: nobody}, message: a reason}\n",
    )


async def test_the_head_is_signed_once_for_each_size(lab: AuthorityLab, olga: LabSignIn) -> None:
    await logged(lab, olga)
    first = await sign_head(lab.services)
    again = await sign_head(lab.services)
    assert first is not None
    assert first == again
    assert first.size == await lab.log_size()
    assert fault_of(lab.services, first) == ""
    assert origin_of(lab.services.installation_id) in first.note


async def test_a_sound_log_shows_the_newest_note(lab: AuthorityLab, olga: LabSignIn) -> None:
    await logged(lab, olga)
    answer = await verify_audit(lab.services, olga.caller)
    assert (answer.ok, answer.problem) == (True, "")
    assert base64.b64encode(bytes.fromhex(answer.root_hash)).decode() in answer.checkpoint


async def test_a_checkpoint_of_another_root_is_found(lab: AuthorityLab, olga: LabSignIn) -> None:
    await logged(lab, olga)
    kept = await sign_head(lab.services)
    assert kept is not None
    forged = kept.note.replace(base64.b64encode(kept.root).decode(), base64.b64encode(bytes(32)).decode())
    statement = text("insert into log_checkpoints (size, root, note, signed) values (1, :root, :note, :signed)")
    values = {"root": bytes(32), "note": forged, "signed": to_micros(lab.clock.now())}
    await lab.store.write(lambda tx: tx.connection.execute(statement, values))
    answer = await verify_audit(lab.services, olga.caller)
    assert not answer.ok


async def test_a_log_shorter_than_what_was_signed_is_found(lab: AuthorityLab, olga: LabSignIn) -> None:
    await logged(lab, olga)
    origin = origin_of(lab.services.installation_id)
    await lab.services.signer.sign_checkpoint(origin=origin, size=10_000, root=bytes(32))
    answer = await verify_audit(lab.services, olga.caller)
    assert (answer.ok, answer.problem) == (False, "the signer has signed another log before")


async def test_values_that_were_removed_without_an_event_are_found(lab: AuthorityLab, olga: LabSignIn) -> None:
    await logged(lab, olga)
    blank = text("update log_entries set sidecar = null where sidecar is not null")
    await lab.store.write(lambda tx: tx.connection.execute(blank))
    answer = await verify_audit(lab.services, olga.caller)
    assert not answer.ok
    assert "were removed, but events tell of 0" in answer.problem
