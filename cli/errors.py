"""What ends a command.

Exception
└── CommandFailed        exit 1
    ├── WrongUse         exit 2
    └── NotRunning       no stack is running where one was looked for

The message of each is one line, shown to a person as it is.
"""

__all__ = ["CommandFailed", "NotRunning", "WrongUse"]


class CommandFailed(Exception):
    """The command cannot do what it was asked to."""

    exit_code = 1


class WrongUse(CommandFailed):
    """The command was asked for something that makes no sense."""

    exit_code = 2


class NotRunning(CommandFailed):
    """No stack is running where one was looked for."""
