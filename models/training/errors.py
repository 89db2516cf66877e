"""Errors that stop a training; each message is one line that names the cause and what to change."""


class TrainingError(RuntimeError):
    """Training cannot continue: a loss that is not finite, no memory, no training examples."""
