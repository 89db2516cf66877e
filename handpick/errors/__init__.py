"""Errors that a person can cause and fix.

The command line and the DAGs print them as one line, without a traceback.
"""

from handpick.errors.safe_text import make_showable


class HandpickError(Exception):
    """The base class of these errors.

    A message says what was wrong and where, what happened to the data, and what to do next. It holds neither
    secrets nor control characters, whatever was put into it: a value with a line break cannot forge a line of
    the log.

    Args:
        lines: The message; several arguments are several lines.
    """

    def __init__(self, *lines: str) -> None:
        super().__init__(*(make_showable(str(line)) for line in lines))

    def __str__(self) -> str:
        return "\n".join(self.args)


class ConfigurationError(HandpickError):
    """A key of `handpick.toml`, or its environment variable, is missing or has an unusable value."""


class InputError(HandpickError):
    """A source cannot be read: no file, empty file, wrong format, a missing column."""


class NightStopped(HandpickError):
    """A check rejected tonight's data or model; the published lists are unchanged."""


class LedgerImbalance(HandpickError):
    """Rows in differ from rows out plus rows dropped: rows were lost or duplicated."""


class MissingPartition(HandpickError):
    """A stage needs a partition that an earlier stage has not written."""


class ServingError(HandpickError):
    """The serving database does not answer, or rejected a version; consumers still read the previous one."""


class DamagedData(HandpickError):
    """A file of the lake, a model or a result is not what was written; nothing was made from it."""


class Busy(HandpickError):
    """Another process is writing what this one would write; this one changed nothing."""
