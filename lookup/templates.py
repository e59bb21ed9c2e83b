"""Templates of context blocks: Jinja in its sandbox."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

from jinja2 import DictLoader, StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from lookup.errors import InvalidArgument, TemplateUnusable
from profiles.documents.context import ContextLine, Section
from schemas.views import Layer

__all__ = ["DEFAULT_TEMPLATE", "Templates"]

DEFAULT_TEMPLATE: Final = "plain"
_SUFFIX: Final = ".j2"
_BUILT_IN: Final = "context_templates"
# Of a template's own expressions, which may divide by zero as any program may.
_FAILURES: Final = (
    TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)
_SAMPLE: Final = ContextLine(
    section=Section.STATED,
    level=Layer.USER,
    says="country",
    texts=("NL",),
    source="stated attribute",
)


class Templates:
    """Templates by name: those that come along, and an operator's own.

    A template is given `lines`, each with `section`, `level`, `says`, `quotes` (already
    quoted) and `provenance`; it cannot reach anything else. A request names one, and never
    brings one along.

    Args:
        own: Text by name; replaces a built-in one of the same name.

    Raises:
        TemplateUnusable: one does not parse, or fails with a line.
    """

    def __init__(self, own: Mapping[str, str] | None = None) -> None:
        environment = ImmutableSandboxedEnvironment(
            # Nothing can be included or imported.
            loader=DictLoader({}),
            undefined=StrictUndefined,
            # The text is for a model and not a page; quoting is done before.
            autoescape=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates = {}
        for name, text in {**_built_in(), **(own or {})}.items():
            try:
                self._templates[name] = environment.from_string(text)
                self.render(name, [_SAMPLE])
            except _FAILURES as error:
                raise TemplateUnusable(f"template {name!r}: {error}") from error

    @classmethod
    def from_directory(cls, directory: Path | None) -> "Templates":
        """Built-in templates, and each `NAME.j2` of a directory.

        Raises:
            TemplateUnusable: one cannot be read or used.
        """
        if directory is None:
            return cls()
        try:
            found = {path.stem: path.read_text("utf-8") for path in directory.glob(f"*{_SUFFIX}")}
        except (OSError, UnicodeDecodeError) as error:
            raise TemplateUnusable(f"templates in {directory} cannot be read: {error}") from error
        return cls(found)

    def require(self, name: str) -> None:
        """Raises InvalidArgument if there is none of that name."""
        if name not in self._templates:
            known = ", ".join(sorted(self._templates))
            raise InvalidArgument("body.template", f"must be one of {known}")

    def render(self, name: str, lines: Sequence[ContextLine]) -> str:
        """The block that a template makes of lines."""
        return self._templates[name].render(lines=lines).strip()


def _built_in() -> dict[str, str]:
    return {
        entry.name.removesuffix(_SUFFIX): entry.read_text("utf-8")
        for entry in files("lookup").joinpath(_BUILT_IN).iterdir()
        if entry.name.endswith(_SUFFIX)
    }
