"""What people declared in files: both policies, personas, norms, the vocabulary of attributes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from cli.errors import CommandFailed
from cli.settings import Settings
from profiles.declared import NOTHING_DECLARED, DeclaredPersonas, load_personas
from profiles.norms import NO_NORMS, Norms, load_norms
from profiles.policy import DEFAULT_POLICY, Policy, load_policy
from profiles.privacy.data_policy import ANYTHING_GOES, DataPolicy, load_data_policy
from profiles.vocabulary import ANY_ATTRIBUTES, Vocabulary, load_vocabulary

__all__ = [
    "Declarations",
    "read_data_policy",
    "read_declarations",
    "read_norms",
    "read_personas",
    "read_policy",
    "read_vocabulary",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Declarations:
    """All of it; what no file says is as built in."""

    policy: Policy
    personas: DeclaredPersonas
    norms: Norms
    vocabulary: Vocabulary
    data_policy: DataPolicy


def read_declarations(settings: Settings) -> Declarations:
    """What the files say that the settings name.

    Raises:
        CommandFailed: a file cannot be read.
        PolicyError, DeclarationError: one cannot be used; the message names the entry.
    """
    return Declarations(
        policy=read_policy(settings),
        personas=read_personas(settings),
        norms=read_norms(settings),
        vocabulary=read_vocabulary(settings),
        data_policy=read_data_policy(settings),
    )


def read_policy(settings: Settings) -> Policy:
    """The policy that the settings name, else the built-in one. Raises as `read_declarations`."""
    return _read("policy", settings.policy, load_policy, unset=DEFAULT_POLICY)


def read_personas(settings: Settings) -> DeclaredPersonas:
    """The declared personas that the settings name. Raises as `read_declarations`."""
    return _read("personas", settings.personas, load_personas, unset=NOTHING_DECLARED)


def read_norms(settings: Settings) -> Norms:
    """The norms that the settings name. Raises as `read_declarations`."""
    return _read("norms", settings.norms, load_norms, unset=NO_NORMS)


def read_vocabulary(settings: Settings) -> Vocabulary:
    """Which attributes users may state. Raises as `read_declarations`."""
    return _read("vocabulary", settings.vocabulary, load_vocabulary, unset=ANY_ATTRIBUTES)


def read_data_policy(settings: Settings) -> DataPolicy:
    """What may be kept of each kind of data, and what for. Raises as `read_declarations`."""
    return _read("data policy", settings.data_policy, load_data_policy, unset=ANYTHING_GOES)


def _read(name: str, path: Path | None, load: Callable[[str], T], *, unset: T) -> T:
    if path is None:
        return unset
    try:
        text = path.read_text("utf-8")
    except (OSError, ValueError) as error:
        # ValueError: it is not UTF-8, or no path has a NUL.
        raise CommandFailed(f"{name} {path} cannot be read: {error}") from error
    return load(text)
