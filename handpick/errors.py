"""Errors that a person can cause and mend. The CLI and the DAG print them as one line, without a traceback."""


class HandpickError(Exception):
    """What was wrong, where, what happened to the data, and what to do next, in one or two lines."""


class ConfigurationError(HandpickError):
    """A key of `handpick.toml`, or its environment override, is missing or has a value that cannot be used."""


class InputError(HandpickError):
    """A source cannot be read: no file, empty file, wrong format, a missing column."""


class NightStopped(HandpickError):
    """A check refused tonight's data; the lists published last stay current."""


class LedgerImbalance(HandpickError):
    """Rows in differ from rows out plus rows dropped: rows were lost or made up."""


class MissingPartition(HandpickError):
    """A stage was asked to read a partition that an earlier stage has not written."""


class ServingError(HandpickError):
    """The serving database does not answer, or refused a version; the pointer was not moved."""
