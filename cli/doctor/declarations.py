"""The files in force: policies, personas and norms."""

from collections.abc import Callable, Iterator
from typing import Final

from cli.declarations import read_data_policy, read_norms, read_personas, read_policy
from cli.doctor.findings import Finding, note, right, wrong
from cli.errors import CommandFailed
from cli.settings import Settings
from profiles.policy import PolicyError
from profiles.privacy.data_policy import Consent, DataPolicy
from profiles.privacy.doubts import doubts_of
from profiles.rules import DeclarationError
from profiles.state import CONSENTED, DataType
from schemas import topics
from streams.topics import specs

__all__ = ["declaration_in_force", "examine_declarations"]

_DATA_POLICY: Final = "data policy"


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
    yield from _data_policy(settings)


def declaration_in_force(settings: Settings) -> int | None:
    """Version of what is counted: declared personas and data policy; None if unreadable."""
    try:
        return read_personas(settings).under(read_data_policy(settings).version).version
    except (CommandFailed, DeclarationError):
        return None


def _examined(name: str, path: str, describe: Callable[[], str]) -> Finding:
    try:
        return right(name, f"{path}: {describe()}")
    except (CommandFailed, PolicyError, DeclarationError) as error:
        return wrong(name, f"{path}: {error}", "correct it: nothing starts with it as it is")


def _data_policy(settings: Settings) -> Iterator[Finding]:
    """What the data policy is, in force or built in, and where it contradicts itself."""
    if settings.data_policy is None:
        yield right(_DATA_POLICY, "built in: every kind of data is kept and serves every purpose")
        return
    path = str(settings.data_policy)
    yield _examined(_DATA_POLICY, path, lambda: _said(read_data_policy(settings)))
    try:
        doubts = doubts_of(
            read_data_policy(settings),
            declared=read_personas(settings),
            norms=read_norms(settings),
            log_kept_days=_log_kept_days(),
        )
        for doubt in doubts:
            yield note(_DATA_POLICY, doubt, f"see to it that {path} says what is meant")
    except (CommandFailed, DeclarationError):
        # Said already.
        return


def _said(data: DataPolicy) -> str:
    kinds = []
    for kind in sorted(CONSENTED):
        rule = data.rule(kind)
        consent = "no consent needed" if rule.consent is Consent.NOT_NEEDED else rule.consent
        kept = "" if rule.kept_days is None else f", {rule.kept_days:g} days"
        kinds.append(
            f"{kind}: {consent}{kept}, for {', '.join(sorted(rule.purposes)) or 'nothing'}"
        )
    return "; ".join(kinds)


def _log_kept_days() -> dict[DataType, float | None]:
    """How long the topics that workers create keep each kind of data."""
    kept_ms = {spec.name: spec.retention_ms for spec in specs()}
    found: dict[DataType, float | None] = {}
    for kind, topic in (
        (DataType.INTERACTIONS, topics.INTERACTIONS),
        (DataType.PREFERENCES, topics.PREFERENCES),
        (DataType.DOCUMENTS, topics.DOCUMENTS),
        (DataType.ATTRIBUTES, topics.ATTRIBUTES),
    ):
        found[kind] = None if kept_ms[topic] < 0 else kept_ms[topic] / 86_400_000
    return found


def _policy(settings: Settings) -> str:
    return f"{len(read_policy(settings).actions)} actions"


def _personas(settings: Settings) -> str:
    ids = read_personas(settings).by_id
    return f"{len(ids)} declared: {', '.join(ids)}" if ids else "none declared"


def _norms(settings: Settings) -> str:
    norms = read_norms(settings).norms
    named = ", ".join(f"{norm.id} ({norm.kind})" for norm in norms)
    return f"{len(norms)} in force: {named}" if norms else "none in force"
