"""Every exception of the evaluation.

ValueError
├── UnreadableEvents    a file cannot be evaluated; names the file, and the line if there is one
├── UnknownTask         there is no such task
└── NotAnAnswer         a model answered with something that is not a finite score
RuntimeError
└── WriterUnavailable   what writes texts cannot be opened, refused, or did not answer
"""

__all__ = ["NotAnAnswer", "UnknownTask", "UnreadableEvents", "WriterUnavailable"]


class UnreadableEvents(ValueError):
    """A file cannot be evaluated; the message names it, and the line if there is one."""


class UnknownTask(ValueError):
    """There is no such task."""


class NotAnAnswer(ValueError):
    """A model answered with something that is not a finite score."""


class WriterUnavailable(RuntimeError):
    """What writes texts cannot be opened, refused, or did not answer; the message says which."""
