"""The files that `strata init` writes: settings at their defaults and examples, commented out."""

from importlib.resources import files
from pathlib import Path
from typing import Final

from cli.errors import CommandFailed

__all__ = ["TEMPLATES", "write_templates"]

TEMPLATES: Final = ("strata.toml", "policy.toml", "personas.toml", "norms.toml", "data-policy.toml")


def write_templates(directory: Path) -> list[Path]:
    """Write all files or, if one of them exists, none.

    Raises:
        CommandFailed: one exists, or cannot be written.
    """
    paths = [directory / name for name in TEMPLATES]
    existing = [str(path) for path in paths if path.exists() or path.is_symlink()]
    if existing:
        raise CommandFailed(f"{', '.join(existing)} exists already and is not overwritten")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for path in paths:
            with path.open("x", encoding="utf-8") as file:
                file.write(files("cli.template_files").joinpath(path.name).read_text("utf-8"))
    except OSError as error:
        raise CommandFailed(f"{error.filename} cannot be written: {error.strerror}") from error
    return paths
