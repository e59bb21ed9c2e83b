"""The files in force: policy, personas and norms."""

from collections.abc import Callable, Iterator

from cli.declarations import read_norms, read_personas, read_policy
from cli.doctor.findings import Finding, right, wrong
from cli.errors import CommandFailed
from cli.settings import Settings
from profiles.policy import PolicyError
from profiles.rules import DeclarationError

__all__ = ["declaration_in_force", "examine_declarations"]


def examine_declarations(settings: Settings) -> Iterator[Finding]:
    """One finding per file that the settings name, or one that there is none."""
    if settings.policy is settings.personas is settings.norms is None:
        yield right("files", "the built-in policy; no personas or norms are declared")
    if settings.policy is not None:
        yield _examined("policy", str(settings.policy), lambda: _policy(settings))
    if settings.personas is not None:
        yield _examined("personas", str(settings.personas), lambda: _personas(settings))
    if settings.norms is not None:
        yield _examined("norms", str(settings.norms), lambda: _norms(settings))


def declaration_in_force(settings: Settings) -> int | None:
    """Version of the declared personas; None if they cannot be read."""
    try:
        return read_personas(settings).version
    except (CommandFailed, DeclarationError):
        return None


def _examined(name: str, path: str, describe: Callable[[], str]) -> Finding:
    try:
        return right(name, f"{path}: {describe()}")
    except (CommandFailed, PolicyError, DeclarationError) as error:
        return wrong(name, f"{path}: {error}", "correct it: nothing starts with it as it is")


def _policy(settings: Settings) -> str:
    return f"{len(read_policy(settings).actions)} actions"


def _personas(settings: Settings) -> str:
    ids = read_personas(settings).by_id
    return f"{len(ids)} declared: {', '.join(ids)}" if ids else "none declared"


def _norms(settings: Settings) -> str:
    norms = read_norms(settings).norms
    named = ", ".join(f"{norm.id} ({norm.kind})" for norm in norms)
    return f"{len(norms)} in force: {named}" if norms else "none in force"
