"""What can stop a training; each message is one line for the person who has to mend it."""


class TrainingError(RuntimeError):
    """Training cannot go on: a loss that is not finite, no memory, nothing to learn from."""
