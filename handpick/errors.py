"""Errors that a person can cause and fix. The command line and the DAGs print them as one line, without a traceback."""


class HandpickError(Exception):
    """The base of these errors. Its message says what was wrong and where, what happened to the data, and what to do next."""


class ConfigurationError(HandpickError):
    """A key of `handpick.toml`, or its environment override, is missing or has a value that cannot be used."""


class InputError(HandpickError):
    """A source cannot be read: no file, empty file, wrong format, a missing column."""


class NightStopped(HandpickError):
    """A check rejected tonight's data; the lists published last stay current."""


class LedgerImbalance(HandpickError):
    """Rows in differ from rows out plus rows dropped: rows were lost or duplicated."""


class MissingPartition(HandpickError):
    """A stage needs a partition that an earlier stage has not written."""


class ServingError(HandpickError):
    """The serving database does not answer, or rejected a version; consumers still read the version before."""
