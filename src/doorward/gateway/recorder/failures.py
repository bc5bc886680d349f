"""Why a recorder stops: the session that it belongs to ends, and says so."""

from doorward.base.errors import Invalid, Unavailable


class RecorderFailed(Unavailable):
    """Something could not be stored, so nothing more may be forwarded; the session ends with `recorder_failed`."""

    code = "recorder_failed"


class QuotaReached(RecorderFailed):
    """A limit on the recording was reached; its closing frames can still be stored."""

    code = "recording_quota"


class SpoolUnreadable(Invalid):
    """What lies in the spool can not be read back."""

    code = "spool_unreadable"
