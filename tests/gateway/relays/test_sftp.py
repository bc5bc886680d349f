"""An SFTP stream read along, by playbook: bytes of both sides and what is to be done with them."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support import sftp

from doorward.domain.recording.frames import FrameType, Note
from doorward.domain.recording.levels import DIGEST_FILE_BYTES_MAX, RecordingLevel
from doorward.gateway.relays import sftp as relays
from doorward.gateway.relays.sftp import Broken, Effect, Keep, Operated, Record, RefusedHere, SftpRelay, ToNode, ToUser
from doorward.gateway.relays.sftp_tables import CHANGES, FILES_MAX, PATH_BYTES_MAX, REQUESTS_WAITING_MAX
from doorward.wire.sftp.answers import Answer, encode_status, parse_answer
from doorward.wire.sftp.codes import OpenFlag, Operation, PacketType, Status
from doorward.wire.sftp.packets import Packet
from doorward.wire.ssh.fields import encode_uint32

EVENTS = RecordingLevel.EVENTS
STRICT = RecordingLevel.STRICT
NEEDS_HANDLE = (Operation.FSETSTAT, Operation.COPY_DATA)
WRITE = OpenFlag.WRITE | OpenFlag.CREATE


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def begun(level: RecordingLevel = EVENTS) -> SftpRelay:
    relay = SftpRelay(level)
    assert relay.from_user(sftp.init())[-1] == ToNode(sftp.init())
    assert relay.from_node(sftp.version())[-1] == ToUser(sftp.version())
    return relay


def opened(
    path: bytes = b"/a", flags: int = OpenFlag.READ, level: RecordingLevel = EVENTS, handle: bytes = sftp.HANDLE
) -> SftpRelay:
    relay = begun(level)
    relay.from_user(sftp.opening(1, path, flags))
    assert relay.from_node(sftp.handle(1, handle))[-1] == ToUser(sftp.handle(1, handle))
    return relay


def closed(relay: SftpRelay) -> Note:
    """Close the file; the one note that tells of it, which the log gets, too."""
    assert relay.from_user(sftp.closing(900)) == [ToNode(sftp.closing(900))]
    record, operated, answer = relay.from_node(sftp.status(900))
    assert isinstance(record, Record)
    assert isinstance(operated, Operated)
    assert operated.note == record.note
    assert answer in (ToUser(sftp.status(900)), ToUser(encode_status(900, Status.OK, "ok")))
    assert record.note.event == f"sftp.{operated.operation}"
    return record.note


def refusal(effects: list[Effect]) -> Status:
    """The one answer of our own among them; nothing reaches the node."""
    assert not [each for each in effects if isinstance(each, ToNode)]
    (answer,) = [each.data for each in effects if isinstance(each, ToUser)]
    read = parse_answer(Packet(answer[4], answer))
    assert isinstance(read, Answer)
    return Status(read.code)


def test_a_file_read_in_order_is_told_with_its_digest() -> None:
    relay = opened()
    for number, offset in enumerate((0, 4), 2):
        assert relay.from_user(sftp.reading(number, offset, 4)) == [ToNode(sftp.reading(number, offset, 4))]
        assert relay.from_node(sftp.content(number, b"abcd")) == [ToUser(sftp.content(number, b"abcd"))]
    relay.from_user(sftp.reading(9, 8, 4))
    assert relay.from_node(sftp.status(9, Status.EOF)) == [ToUser(sftp.status(9, Status.EOF))]
    assert closed(relay) == Note("sftp.read", path=b"/a", size=8, sha256=sha(b"abcdabcd"), result="ok")


def test_an_opening_is_recorded_before_it_is_asked() -> None:
    relay = begun()
    asked = Record(Note("sftp.open", path=b"/a", result="asked", detail="write create"))
    assert relay.from_user(sftp.opening(1, b"/a", WRITE)) == [asked, ToNode(sftp.opening(1, b"/a", WRITE))]


def test_a_file_written_in_order_is_told_with_its_digest_and_where_it_began() -> None:
    relay = opened(flags=WRITE)
    relay.from_user(sftp.writing(2, 100, b"one"))
    relay.from_user(sftp.writing(3, 103, b"two"))
    relay.from_node(sftp.status(2) + sftp.status(3))
    wanted = Note("sftp.write", path=b"/a", size=6, sha256=sha(b"onetwo"), result="ok", detail="from byte 100")
    assert closed(relay) == wanted


def test_a_server_that_appends_takes_pieces_in_the_order_of_their_coming() -> None:
    relay = opened(flags=WRITE | OpenFlag.APPEND)
    relay.from_user(sftp.writing(2, 0, b"one") + sftp.writing(3, 0, b"two"))
    assert closed(relay).sha256 == sha(b"onetwo")


def test_a_file_written_out_of_order_is_called_sparse_and_has_no_digest() -> None:
    relay = opened(flags=WRITE)
    for number, offset in enumerate((0, 10, 5), 2):
        assert relay.from_user(sftp.writing(number, offset, b"piece")) == [
            ToNode(sftp.writing(number, offset, b"piece"))
        ]
    assert closed(relay) == Note("sftp.write", path=b"/a", size=15, result="ok", detail="sparse")


def test_strict_stores_pieces_out_of_order_before_they_pass() -> None:
    relay = opened(flags=WRITE, level=STRICT)
    relay.from_user(sftp.writing(2, 0, b"front"))
    raw = sftp.writing(3, 50, b"piece")
    note = Note("sftp.content", path=b"/a", size=5, detail="at byte 50")
    assert relay.from_user(raw) == [Record(note), Keep(FrameType.INPUT, b"piece"), ToNode(raw)]
    told = closed(relay)
    assert (told.size, told.sha256) == (10, sha(b"front"))
    assert "5 bytes in order" in told.detail


def test_strict_stores_what_is_read_out_of_order_before_it_passes() -> None:
    relay = opened(level=STRICT)
    relay.from_user(sftp.reading(2, 0, 5) + sftp.reading(3, 50, 5))
    relay.from_node(sftp.content(2, b"front"))
    effects = relay.from_node(sftp.content(3, b"piece"))
    assert effects[1:] == [Keep(FrameType.OUTPUT, b"piece"), ToUser(sftp.content(3, b"piece"))]


@pytest.mark.parametrize("level", [EVENTS, STRICT])
def test_only_strict_has_a_limit_on_files_and_it_counts_both_ways(
    level: RecordingLevel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relays, "DIGEST_FILE_BYTES_MAX", 8)
    relay = opened(flags=WRITE | OpenFlag.READ, level=level)
    relay.from_user(sftp.writing(2, 0, b"12345678"))
    more = relay.from_user(sftp.writing(3, 8, b"9"))
    relay.from_user(sftp.reading(4, 0, 9))
    read = relay.from_node(sftp.content(4, b"123456789"))
    if level is STRICT:
        assert refusal(more) is Status.PERMISSION_DENIED
        assert refusal(read) is Status.PERMISSION_DENIED
    else:
        assert more == [ToNode(sftp.writing(3, 8, b"9"))]
        assert read == [ToUser(sftp.content(4, b"123456789"))]
    assert DIGEST_FILE_BYTES_MAX == 4 * 1024**3


@pytest.mark.parametrize(
    "operation", [each for each in CHANGES if each not in (Operation.FSETSTAT, Operation.COPY_DATA)]
)
@pytest.mark.parametrize(
    ("code", "result"), [(Status.OK, "ok"), (Status.NO_SUCH_FILE, "no such file"), (77, "status 77")]
)
def test_every_change_is_recorded_before_it_is_asked_and_told_with_its_result(
    operation: Operation, code: int, result: str
) -> None:
    relay = begun()
    raw = sftp.EVERY_REQUEST[operation]
    asked, passed = relay.from_user(raw)
    assert passed == ToNode(raw)
    assert isinstance(asked, Record)
    assert (asked.note.event, asked.note.path, asked.note.result) == (f"sftp.{operation.value}", b"/a", "asked")
    record, operated, answer = relay.from_node(sftp.status(1, code))
    assert isinstance(operated, Operated)
    assert isinstance(record, Record)
    assert (operated.operation, operated.note.result, record.note) == (CHANGES[operation], result, operated.note)
    assert answer == ToUser(sftp.status(1, code))


def test_a_copy_inside_the_node_names_both_files() -> None:
    relay = opened(b"/from")
    relay.from_user(sftp.opening(2, b"/to", WRITE))
    relay.from_node(sftp.handle(2, b"other"))
    effects = relay.from_user(sftp.copy_data(3, sftp.HANDLE, b"other"))
    assert isinstance(effects[0], Record)
    assert (effects[0].note.path, effects[0].note.new_path) == (b"/from", b"/to")
    _, operated, _ = relay.from_node(sftp.status(3))
    assert isinstance(operated, Operated)
    assert operated.operation == "copy"


def test_a_listing_is_told_once_with_its_digest() -> None:
    relay = begun()
    relay.from_user(sftp.request(PacketType.OPENDIR, 1, b"/d"))
    relay.from_node(sftp.handle(1))
    listed = sftp.names(2, b"a", b"b")
    relay.from_user(sftp.request(PacketType.READDIR, 2, sftp.HANDLE))
    assert relay.from_node(listed) == [ToUser(listed)]
    assert closed(relay) == Note("sftp.list", path=b"/d", size=len(listed) - 9, sha256=sha(listed[9:]), result="ok")


@pytest.mark.parametrize("level", [EVENTS, STRICT])
def test_looks_are_recorded_under_strict_only(level: RecordingLevel) -> None:
    relay = begun(level)
    raw = sftp.EVERY_REQUEST[Operation.STAT]
    asked, answered = relay.from_user(raw), relay.from_node(sftp.attributes(1))
    if level is EVENTS:
        assert (asked, answered) == ([ToNode(raw)], [ToUser(sftp.attributes(1))])
        return
    reply = sftp.attributes(1)
    wanted = Note("sftp.stat", path=b"/a", size=len(reply), sha256=sha(reply), result="ok")
    assert asked == [Record(Note("sftp.stat", path=b"/a", size=len(raw), sha256=sha(raw), result="asked")), ToNode(raw)]
    assert answered == [Record(wanted), ToUser(reply)]


def test_strict_stores_greetings_with_all_that_stands_in_them() -> None:
    relay = SftpRelay(STRICT)
    said = sftp.packet(PacketType.INIT, encode_uint32(3), b"whatever a client likes to say")
    assert relay.from_user(said) == [
        Record(Note("sftp.greeting", size=len(said))), Keep(FrameType.INPUT, said), ToNode(said)
    ]  # fmt: skip
    assert relay.from_node(sftp.version())[1:] == [Keep(FrameType.OUTPUT, sftp.version()), ToUser(sftp.version())]


@pytest.mark.parametrize("level", [EVENTS, STRICT])
@pytest.mark.parametrize("code", [Status.OK, Status.EOF, Status.FAILURE, 77])
def test_a_status_passes_without_the_nodes_words_where_they_are_not_stored(level: RecordingLevel, code: int) -> None:
    relay = opened(flags=WRITE, level=level)
    relay.from_user(sftp.writing(2, 0, b"x") + sftp.request(PacketType.REMOVE, 3, b"/b"))
    relay.from_user(sftp.request(PacketType.STAT, 4, b"/c") + sftp.opening(5, b"/d", WRITE) + sftp.closing(6))
    for number in range(2, 7):
        passed = [each.data for each in relay.from_node(sftp.status(number, code)) if isinstance(each, ToUser)]
        assert (b"said so" in passed[0]) is (level is EVENTS)
        read = parse_answer(Packet(passed[0][4], passed[0]))
        assert isinstance(read, Answer)
        assert (read.id, read.type, read.code) == (number, PacketType.STATUS, code)


def test_strict_records_the_handle_that_a_node_gives() -> None:
    relay = begun(STRICT)
    relay.from_user(sftp.opening(1, b"/a", OpenFlag.READ))
    raw = sftp.handle(1, b"any 256 bytes")
    wanted = Note("sftp.open", path=b"/a", size=len(raw), sha256=sha(raw), result="ok", detail="read")
    assert relay.from_node(raw) == [Record(wanted), ToUser(raw)]


def test_a_failed_write_shows_in_the_result() -> None:
    relay = opened(flags=WRITE)
    relay.from_user(sftp.writing(2, 0, b"one"))
    relay.from_node(sftp.status(2, Status.FAILURE))
    assert closed(relay).result == "failure"


def test_a_file_that_could_not_be_opened_is_told() -> None:
    relay = begun()
    relay.from_user(sftp.opening(1, b"/etc/shadow", OpenFlag.READ))
    _, operated, _ = relay.from_node(sftp.status(1, Status.PERMISSION_DENIED))
    assert isinstance(operated, Operated)
    assert (operated.operation, operated.note.path, operated.note.result) == (
        "open",
        b"/etc/shadow",
        "permission denied",
    )


def test_a_file_that_was_only_made_counts_as_written() -> None:
    assert closed(opened(flags=WRITE)) == Note("sftp.write", path=b"/a", sha256=sha(b""), result="ok")


def test_operations_that_nobody_knows_are_refused_here() -> None:
    relay = begun()
    effects = relay.from_user(sftp.extended(b"evil@example.org", 5, b"x"))
    assert refusal(effects) is Status.OP_UNSUPPORTED
    assert [each.note.detail for each in effects if isinstance(each, RefusedHere)] == ["evil@example.org"]
    assert not [each for each in effects if isinstance(each, Operated)]  # such a one the log may only count
    assert [each.note.result for each in effects if isinstance(each, Record)] == ["refused"]  # the recording does not


@pytest.mark.parametrize(
    "raw", [sftp.reading(5, 0, 1), sftp.writing(5, 0, b"x"), sftp.closing(5), sftp.copy_data(5, sftp.HANDLE, b"other")]
)
def test_a_handle_that_was_never_given_is_refused_here(raw: bytes) -> None:
    assert refusal(begun().from_user(raw)) is Status.FAILURE


def test_a_closed_handle_is_gone() -> None:
    relay = opened()
    closed(relay)
    assert refusal(relay.from_user(sftp.reading(5, 0, 1))) is Status.FAILURE


@pytest.mark.parametrize("path", [b"/a\0b", b"a" * (PATH_BYTES_MAX + 1)])
def test_paths_that_can_not_be_are_refused_here(path: bytes) -> None:
    assert refusal(begun().from_user(sftp.request(PacketType.REMOVE, 5, path))) is Status.FAILURE


def test_open_files_are_limited_and_come_back() -> None:
    relay = begun()
    for number in range(FILES_MAX):
        relay.from_user(sftp.opening(number, b"/a", OpenFlag.READ))
        relay.from_node(sftp.handle(number, encode_uint32(number)))
    assert refusal(relay.from_user(sftp.opening(FILES_MAX, b"/a", OpenFlag.READ))) is Status.FAILURE
    relay.from_user(sftp.closing(FILES_MAX, encode_uint32(0)))
    assert ToNode(sftp.opening(0, b"/a", 1)) in relay.from_user(sftp.opening(0, b"/a", 1))


@pytest.mark.parametrize(
    "said",
    [
        sftp.init() + sftp.init(),
        sftp.init(2),
        sftp.reading(1, 0, 1),
        b"GET / HTTP/1.1\r\n\r\n",
        sftp.init() + sftp.opening(1, b"/a", 1) * 2,
        sftp.init() + sftp.status(1),
        sftp.init()
        + b"".join(sftp.request(PacketType.STAT, number, b"/") for number in range(REQUESTS_WAITING_MAX + 1)),
    ],
)
def test_nonsense_of_the_user_ends_the_stream_for_good(said: bytes) -> None:
    relay = SftpRelay(EVENTS)
    effects = relay.from_user(said)
    assert isinstance(effects[-1], Broken)
    assert isinstance(effects[-2], Record)
    assert relay.from_user(sftp.init()) == []
    assert relay.from_node(sftp.version()) == []


@pytest.mark.parametrize(
    "said",
    [
        sftp.version(),
        sftp.version(6),
        sftp.status(5),
        sftp.content(1, b"x"),
        sftp.handle(1, sftp.HANDLE) + sftp.handle(2, sftp.HANDLE),
        b"Welcome to this host!\r\n",
    ],
)
def test_nonsense_of_the_node_ends_the_stream_for_good(said: bytes) -> None:
    relay = begun()
    relay.from_user(sftp.opening(1, b"/a", OpenFlag.READ) + sftp.opening(2, b"/b", OpenFlag.READ))
    assert isinstance(relay.from_node(said)[-1], Broken)


def test_a_node_that_speaks_another_version_is_not_read() -> None:
    relay = SftpRelay(EVENTS)
    relay.from_user(sftp.init(6))
    assert isinstance(relay.from_node(sftp.version(6))[-1], Broken)


def test_more_content_than_was_asked_for_is_nonsense() -> None:
    relay = opened()
    relay.from_user(sftp.reading(2, 0, 3))
    assert isinstance(relay.from_node(sftp.content(2, b"four"))[-1], Broken)


def test_what_is_unfinished_at_the_end_is_told() -> None:
    relay = opened(flags=WRITE)
    relay.from_user(sftp.writing(2, 0, b"half"))
    relay.from_user(sftp.request(PacketType.REMOVE, 3, b"/gone"))
    told = [each.note for each in relay.ended() if isinstance(each, Operated)]
    assert told == [
        Note("sftp.remove", path=b"/gone", result="unfinished"),
        Note("sftp.write", path=b"/a", size=4, sha256=sha(b"half"), result="unfinished"),
    ]
    assert relay.ended() == []


def test_long_files_have_digests_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doorward.gateway.relays.sftp_files.DIGEST_EVERY_BYTES", 8)
    relay = opened(flags=WRITE)
    assert len(relay.from_user(sftp.writing(2, 0, b"1234"))) == 1
    note, passed = relay.from_user(sftp.writing(3, 4, b"5678"))
    assert note == Record(Note("sftp.write", path=b"/a", size=8, sha256=sha(b"12345678"), result="so far"))
    assert isinstance(passed, ToNode)


@given(cuts=st.lists(st.integers(min_value=1, max_value=60), max_size=20), level=st.sampled_from([EVENTS, STRICT]))
def test_effects_do_not_depend_on_how_the_network_cut_the_bytes(cuts: list[int], level: RecordingLevel) -> None:
    said = sftp.opening(2, b"/b", WRITE) + sftp.writing(3, 0, b"data") + sftp.writing(4, 9, b"far") + sftp.closing(5)
    whole = opened(flags=WRITE, level=level).from_user(said)
    relay, found, rest = opened(flags=WRITE, level=level), [], said
    for cut in [*cuts, len(said)]:
        found += relay.from_user(rest[:cut])
        rest = rest[cut:]
    assert found == whole


@given(noise=st.binary(max_size=120), greeted=st.booleans())
def test_noise_never_raises_and_passes_only_whole_packets(noise: bytes, greeted: bool) -> None:
    relay = begun() if greeted else SftpRelay(EVENTS)
    passed = b"".join(each.data for each in relay.from_user(noise) if isinstance(each, ToNode))
    assert noise.startswith(passed) or passed in noise
    relay.from_node(noise)
    relay.ended()


@given(level=st.sampled_from([EVENTS, STRICT]), operation=st.sampled_from(Operation))
def test_nothing_is_ever_re_encoded(level: RecordingLevel, operation: Operation) -> None:
    raw = sftp.EVERY_REQUEST[operation]
    relay = begun(level)
    passed = [each.data for each in relay.from_user(raw) if isinstance(each, ToNode)]
    assert passed in ([raw], [])
