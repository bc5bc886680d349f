"""One connection to the signer: many calls at once, answered in any order, written together.

Calls made in the same turn of the loop leave in one write. While the signer does not read, new calls wait; more than
`CALLS_WAITING_MAX` at once are refused.
"""

import asyncio
from typing import Final, cast

import msgspec

from doorward.api.signer.frames import FrameReader, encode_frame
from doorward.api.signer.messages import REPLY_BYTES_MAX, Answer, NumberedRequest, Reply, Request
from doorward.api.signer.refusals import SignerAway, SignerBusy
from doorward.wire.errors import RemoteProtocolError

CALLS_WAITING_MAX: Final = 4_096


class ConnectionLost(SignerAway):
    """The connection ended before the answer came; asking again is safe, for no call changes anything."""


class SignerConnection(asyncio.Protocol):
    """Made by `loop.create_unix_connection`."""

    def __init__(self) -> None:
        self._frames = FrameReader(REPLY_BYTES_MAX)
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(Reply)
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._outgoing: list[bytes] = []
        self._calls = 0
        self._transport: asyncio.Transport | None = None
        self._may_write = asyncio.Event()
        self._may_write.set()

    @property
    def is_open(self) -> bool:
        """Whether a call can be made."""
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, request: Request) -> Answer:
        """The signer's answer; `ConnectionLost` when the connection ends first. The caller sets the deadline."""
        await self._may_write.wait()
        if not self.is_open:
            raise ConnectionLost("asking the signer: the connection has ended")
        if len(self._waiting) >= CALLS_WAITING_MAX:
            raise SignerBusy("asking the signer: too many calls are waiting")
        number = self._calls
        self._calls += 1
        if not self._outgoing:
            asyncio.get_running_loop().call_soon(self._flush)
        self._outgoing.append(encode_frame(self._encoder.encode(NumberedRequest(number, request))))
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            return await future
        finally:
            self._waiting.pop(number, None)

    def close(self) -> None:
        """End the connection; calls that wait get `ConnectionLost`."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        held = cast("asyncio.Transport", transport)  # not checked: uvloop's is no subclass of asyncio's
        self._transport = held

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._outgoing.clear()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ConnectionLost("asking the signer: the connection ended before the answer"))
        self._may_write.set()

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._frames.receive(data):
                self._accept(self._decoder.decode(frame))
        except (RemoteProtocolError, msgspec.MsgspecError):
            self.close()

    def _accept(self, reply: Reply) -> None:
        if reply.number >= self._calls:
            raise RemoteProtocolError("reading the signer's answer: to a call that was not made")
        future = self._waiting.get(reply.number)  # None: its caller has given up
        if future is not None and not future.done():
            future.set_result(reply.answer)

    def _flush(self) -> None:
        if self._transport is not None and self._outgoing:
            self._transport.write(b"".join(self._outgoing))
        self._outgoing.clear()
