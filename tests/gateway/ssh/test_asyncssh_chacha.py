"""Our contexts give what asyncssh's own cipher gives, packet after packet, and nothing for a changed one."""

from asyncssh.crypto import ChachaCipher
from asyncssh.encryption import ChachaEncryption, get_encryption
from hypothesis import given
from hypothesis import strategies as st

from doorward.gateway.ssh.asyncssh_chacha import NAME, ReusedChacha, install

HEADER = 4
KEYS = st.binary(min_size=64, max_size=64)
SEQUENCES = st.integers(0, 2**32 - 1)
PACKETS = st.lists(
    st.tuples(SEQUENCES, st.binary(min_size=HEADER, max_size=HEADER), st.binary(max_size=300)), max_size=6
)


@given(key=KEYS, packets=PACKETS)
def test_it_says_and_reads_what_asyncssh_s_own_does_whatever_came_before(
    key: bytes, packets: list[tuple[int, bytes, bytes]]
) -> None:
    theirs, sender, reader = ChachaEncryption(ChachaCipher(key)), ReusedChacha(key), ReusedChacha(key)
    for seq, header, packet in packets:
        sent, tag = sender.encrypt_packet(seq, header, packet)
        assert (sent, tag) == theirs.encrypt_packet(seq, header, packet)
        first, length = reader.decrypt_header(seq, sent[:16], HEADER)
        assert (first, length) == (sent[:16], header)
        assert reader.decrypt_packet(seq, first, sent[16:], HEADER, tag) == packet


@given(key=KEYS, seq=SEQUENCES, packet=st.binary(min_size=1, max_size=100), flipped=st.integers(0))
def test_one_flipped_bit_of_data_or_tag_yields_nothing_and_the_next_packet_is_read(
    key: bytes, seq: int, packet: bytes, flipped: int
) -> None:
    sender, reader = ReusedChacha(key), ReusedChacha(key)
    sent, tag = sender.encrypt_packet(seq, b"head", packet)
    whole = bytearray(sent + tag)
    whole[flipped // 8 % len(whole)] ^= 1 << flipped % 8
    data, mac = bytes(whole[: len(sent)]), bytes(whole[len(sent) :])
    assert reader.decrypt_packet(seq, data[:8], data[8:], HEADER, mac) is None
    assert reader.decrypt_packet(seq + 1, sent[:8], sent[8:], HEADER, tag) is None
    assert reader.decrypt_packet(seq, sent[:8], sent[8:], HEADER, tag) == packet


def test_asyncssh_uses_it_where_this_cipher_is_agreed_upon() -> None:
    install()
    install()
    assert isinstance(get_encryption(NAME, bytes(64), b""), ReusedChacha)
