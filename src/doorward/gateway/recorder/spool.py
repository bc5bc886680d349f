"""All recordings on a gateway: those being written, those that a crash left, and those that wait to be shipped.

A session's recording is `<session id>.dwr`; once sealed, `<session id>.manifest` stands beside it.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeVar

from doorward.base.clock import Clock
from doorward.base.errors import Missing
from doorward.base.ids import checked_id, is_id
from doorward.domain.recording.frames import Header
from doorward.domain.recording.manifest import MANIFEST_BYTES_MAX, Manifest
from doorward.gateway.recorder.budget import Account, Budget, RecorderLimits
from doorward.gateway.recorder.failures import RecorderFailed, SpoolUnreadable
from doorward.gateway.recorder.files import TEMPORARY_SUFFIX, SpoolFiles
from doorward.gateway.recorder.recorder import Recorder
from doorward.gateway.recorder.sealing import MANIFEST_SUFFIX, RECORDING_SUFFIX, header_of, seal_torn, seal_whole
from doorward.gateway.recorder.syncer import Syncer

T = TypeVar("T")
DEFAULT_LIMITS: Final = RecorderLimits()


@dataclass(frozen=True, slots=True)
class Recovered:
    """A recording that nobody had sealed; `manifest` is None when not even its header was whole."""

    session_id: str
    manifest: Manifest | None


@dataclass(frozen=True, slots=True)
class SpoolUse:
    """How many sealed recordings wait to be shipped, and how many bytes all recordings here have."""

    waiting: int
    size_bytes: int


class Spool:
    """The recordings of one gateway. `syncer.run()` must be running while sessions are recorded."""

    def __init__(self, files: SpoolFiles, clock: Clock, limits: RecorderLimits = DEFAULT_LIMITS) -> None:
        self._files = files
        self._clock = clock
        self._limits = limits
        self.budget: Final = Budget(limits, files.free_bytes)
        self._live: dict[str, Recorder] = {}
        self._sealing: set[str] = set()
        self._accounts: dict[str, Account] = {}
        self.syncer: Final = Syncer(self._live.values)

    def open(self, header: Header, on_failure: Callable[[RecorderFailed], None]) -> Recorder:
        """Begin a session's recording; its header is stored when this returns. `RecorderFailed`, `QuotaReached`."""
        session_id = checked_id(header.session_id)
        account = self.budget.open(user_id=header.user_id, node_id=header.node_id, end=on_failure)
        try:
            file = self._files.create(session_id + RECORDING_SUFFIX)
        except OSError as error:
            self.budget.release(account)
            raise RecorderFailed("recording a session: the recording can not be created") from error
        try:
            recorder = Recorder(
                header,
                file,
                account=account,
                budget=self.budget,
                clock=self._clock,
                on_failure=on_failure,
                kick=self.syncer.kick,
            )
        except RecorderFailed:
            file.close()
            self.budget.release(account)
            raise
        self._live[session_id] = recorder
        self._accounts[session_id] = account
        return recorder

    async def seal(self, recorder: Recorder, reason: str) -> Manifest:
        """End and seal a recording; once. A failed one is cut to its last whole frame first.

        `RecorderFailed` when even that is impossible now: `recover` seals it later.
        """
        session_id = recorder.session_id
        if self._live.get(session_id) is not recorder or session_id in self._sealing:
            raise ValueError("a recording is sealed once")
        self._sealing.add(session_id)
        size_bytes: int | None = None
        try:
            async with asyncio.timeout(self._limits.stall_seconds):
                await recorder.close()
            manifest = await asyncio.to_thread(self._seal, recorder, reason)
            size_bytes = manifest.size_bytes
            return manifest
        except (OSError, TimeoutError) as error:
            raise RecorderFailed("sealing a recording: the disk does not take it") from error
        finally:
            self._sealing.discard(session_id)
            del self._live[session_id]
            if session_id in self._accounts:  # else it was shipped and forgotten since its manifest appeared
                self.budget.settle(self._accounts[session_id], size_bytes)

    async def recover(self, reason: str) -> list[Recovered]:
        """Seal all recordings that nobody writes and nobody sealed: at start, with the reason `gateway_lost`.

        One that can not be sealed now is left as it is, for the next call. What lies in the spool counts against its
        owners again, so that a restart gives nobody a fresh quota.
        """
        names = set(await _in_thread(self._files.names))
        await _in_thread(lambda: self._remove_leftovers(names))
        recovered: list[Recovered] = []
        for session_id in _session_ids(names):
            if session_id not in self._live and session_id + MANIFEST_SUFFIX not in names:
                try:
                    manifest = await asyncio.to_thread(seal_torn, self._files, session_id, reason)
                except (OSError, RecorderFailed, Missing):
                    continue
                recovered.append(Recovered(session_id, manifest))
        for session_id in _session_ids(names):
            if session_id not in self._accounts:
                await self._restore_account(session_id)
        return recovered

    def live(self) -> Iterable[Recorder]:
        """The recorders of sessions that are not sealed yet."""
        return list(self._live.values())

    async def sealed(self) -> list[str]:
        """Session ids of what waits to be shipped for good."""
        names = set(await _in_thread(self._files.names))
        return [session_id for session_id in _session_ids(names) if session_id + MANIFEST_SUFFIX in names]

    async def use(self) -> SpoolUse:
        """What lies here now; `SpoolUnreadable` when the disk does not say."""

        def count() -> SpoolUse:
            names = set(self._files.names())
            found = _session_ids(names)
            sizes = (self._files.size(session_id + RECORDING_SUFFIX) for session_id in found)
            waiting = sum(session_id + MANIFEST_SUFFIX in names for session_id in found)
            return SpoolUse(waiting, sum(size or 0 for size in sizes))

        return await _in_thread(count)

    async def sealed_with_content(self, session_id: str, bytes_max: int) -> tuple[Manifest, bytes | None]:
        """The manifest of a sealed recording, and all of its bytes if those are not more than `bytes_max`.

        `Missing` when it is not sealed.
        """
        stem = checked_id(session_id)

        def read() -> tuple[Manifest, bytes | None]:
            manifest = Manifest.parse(self._files.read(stem + MANIFEST_SUFFIX, 0, MANIFEST_BYTES_MAX + 1))
            if manifest.size_bytes > bytes_max:
                return manifest, None
            return manifest, self._files.read(stem + RECORDING_SUFFIX, 0, manifest.size_bytes)

        return await _in_thread(read)

    async def read(self, session_id: str, offset: int, length: int) -> bytes:
        """Bytes of a recording, fewer only at its end."""
        name = checked_id(session_id) + RECORDING_SUFFIX
        return await _in_thread(lambda: self._files.read(name, offset, length))

    async def forget(self, session_id: str) -> None:
        """Delete a recording whose seal the authority acknowledged; safe to repeat."""
        stem = checked_id(session_id)

        def remove() -> None:
            for suffix in (RECORDING_SUFFIX, MANIFEST_SUFFIX):  # in this order: a manifest alone is harmless
                self._files.remove(stem + suffix)

        await _in_thread(remove)
        account = self._accounts.pop(session_id, None)
        if account is not None:
            self.budget.release(account)

    def look(self) -> None:
        """See how much of the disk is free now; called each second."""
        self.budget.look()

    async def _restore_account(self, session_id: str) -> None:
        name = session_id + RECORDING_SUFFIX
        try:
            size_bytes = await _in_thread(lambda: self._files.size(name))
            header = await _in_thread(lambda: header_of(self._files, name))
        except (Missing, SpoolUnreadable):  # what can not be read now fills nothing that could be told whose
            return
        if header is not None and size_bytes is not None:
            self._accounts[session_id] = self.budget.restore(
                user_id=header.user_id, node_id=header.node_id, size_bytes=size_bytes
            )

    def _remove_leftovers(self, names: set[str]) -> None:
        """Half a manifest, or one whose recording is gone: a crash while sealing or forgetting."""
        for name in names:
            session_id, dot, suffix = name.partition(".")
            if not is_id(session_id) or session_id in self._live:
                continue
            is_alone = dot + suffix == MANIFEST_SUFFIX and session_id + RECORDING_SUFFIX not in names
            if is_alone or name.endswith(TEMPORARY_SUFFIX):
                self._files.remove(name)

    def _seal(self, recorder: Recorder, reason: str) -> Manifest:
        """In a worker thread; nobody else touches the recorder any more."""
        session_id = recorder.session_id
        if recorder.failure is None:
            try:
                recorder.end(reason)
                return seal_whole(self._files, recorder.file, session_id, recorder.tally, recorder.size_bytes)
            except (OSError, RecorderFailed):  # cut to the last whole frame, and once more
                pass
        recorder.file.close()
        manifest = seal_torn(self._files, session_id, reason)
        if manifest is None:
            raise RecorderFailed("sealing a recording: nothing of it was stored")
        return manifest


async def _in_thread(call: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(call)
    except OSError as error:
        raise SpoolUnreadable("reading the spool: the disk does not give it") from error


def _session_ids(names: Iterable[str]) -> list[str]:
    ends = (name.removesuffix(RECORDING_SUFFIX) for name in names if name.endswith(RECORDING_SUFFIX))
    return sorted(session_id for session_id in ends if is_id(session_id))
