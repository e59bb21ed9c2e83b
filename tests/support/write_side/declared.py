"""Declared personas of the workers under test, and who belongs to them, said a second time."""

from collections.abc import Mapping
from typing import Final

from profiles.declared import DeclaredPersonas, load_personas

__all__ = ["DECLARED", "declared_personas_of"]

DECLARED: Final[DeclaredPersonas] = load_personas("""
[[persona]]
id = "on-paper"
title = "On paper"
description = "Readers who stated that they read on paper."
rule = { attribute = "format", is = "paper" }

[[persona]]
id = "abroad"
title = "Abroad"
description = "Readers who stated a country other than Great Britain."
rule = { not = { attribute = "country", in = ["GB"] } }

[[persona]]
id = "unsaid"
title = "Unsaid"
description = "Readers of no stated country."
rule = { attribute = "country", exists = false }
""")


def declared_personas_of(attributes: Mapping[str, object]) -> set[str]:
    """Ids of the personas that somebody with these attributes belongs to."""
    found: set[str] = set()
    if attributes.get("format") == "paper":
        found.add("on-paper")
    if "country" not in attributes:
        found.add("unsaid")
    elif isinstance(attributes["country"], str) and attributes["country"] != "GB":
        found.add("abroad")
    return found
