"""Names in certificates: made from ids, read back, and nothing else passes for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.base.entropy import SeededEntropy
from doorward.base.errors import Invalid
from doorward.base.ids import GatewayId, NodeId, SessionId, SignInId, UserId, new_id
from doorward.domain.certificates import principals
from doorward.domain.certificates.refusals import BadSubject

ID = new_id(SeededEntropy(1))


def test_names_have_the_shapes_that_nodes_and_gateways_expect() -> None:
    assert principals.user_principal(UserId(ID)) == f"dwu:{ID}"
    assert principals.node_principal(NodeId(ID)) == f"dwn:{ID}"
    assert principals.session_principal(NodeId(ID), "root") == f"dw:{ID}:root"
    assert principals.session_key_id(SessionId(ID)) == f"dw:session:{ID}"
    assert principals.sign_in_key_id(SignInId(ID)) == f"dw:sign-in:{ID}"
    assert principals.face_key_id(GatewayId(ID)) == f"dw:face:{ID}"
    assert principals.node_key_id(NodeId(ID)) == f"dw:node:{ID}"


def test_ids_are_read_back_from_names() -> None:
    assert principals.user_of(f"dwu:{ID}") == ID
    assert principals.sign_in_of(f"dw:sign-in:{ID}") == ID
    assert principals.gateway_of(f"dw:face:{ID}") == ID


def test_sign_in_on_a_typed_code_is_marked_and_read_back() -> None:
    marked = principals.sign_in_key_id(SignInId(ID), typed_code=True)
    assert marked == f"dw:sign-in:{ID}:typed-code"
    assert (principals.sign_in_of(marked), principals.is_typed(marked)) == (ID, True)
    assert not principals.is_typed(principals.sign_in_key_id(SignInId(ID)))
    for wrong in (f"{marked}:typed-code", f"dw:sign-in:{ID}:typed", f"dw:sign-in:{ID}:", "dw:sign-in::typed-code"):
        assert principals.sign_in_of(wrong) is None
        assert not principals.is_typed(wrong)


@given(st.text(max_size=40))
def test_other_text_names_nobody(text: str) -> None:
    assert principals.user_of(text) is None
    assert principals.user_of("dwu:" + text) is None or len(text) == 26
    assert principals.sign_in_of(text) is None
    assert principals.gateway_of(text) is None


@pytest.mark.parametrize("bad", ["", "root", ID + "x", ID.upper(), ID[:-1] + "\n", f"{ID}\n", "../" + ID[3:]])
def test_what_is_no_id_names_nobody(bad: str) -> None:
    for make in (principals.user_principal, principals.node_principal, principals.session_key_id):
        with pytest.raises(Invalid):
            make(bad)  # type: ignore[arg-type]
    with pytest.raises(Invalid):
        principals.session_principal(NodeId(bad), "root")


@pytest.mark.parametrize("login", ["root", "alice", "_svc", "a.b-c+d", "alice@corp.example", "0x", "a" * 64])
def test_login_that_can_be_an_account_passes(login: str) -> None:
    assert principals.checked_login(login) == login


@pytest.mark.parametrize(
    "login", ["", "-oProxyCommand", "a b", "a:b", "a/b", "*", "a\n", "a,b", "é", "a" * 65, ".hidden", "a\0", "%u"]
)
def test_login_with_a_meaning_elsewhere_is_refused(login: str) -> None:
    with pytest.raises(BadSubject):
        principals.checked_login(login)


@pytest.mark.parametrize("name", ["prod-web-01.dw", "gateway", "1a.example", "192.0.2.1", "2001:db8::1", "x" * 63])
def test_host_name_passes(name: str) -> None:
    assert principals.checked_host_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "*.dw",
        "A.dw",
        "a..b",
        "-a",
        "a-",
        "a_b",
        "a b",
        "a.dw.",
        "a,b",
        "x" * 64,
        "a." * 127,
        "2001:DB8::1",
        "[::1]",
    ],
)
def test_name_that_is_no_exact_host_is_refused(name: str) -> None:
    with pytest.raises(BadSubject):
        principals.checked_host_name(name)
