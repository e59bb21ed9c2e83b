"""A context on the terminal: the block as a model would get it, and what it cost."""

from rich.console import Group, RenderableType
from rich.text import Text

from cli.terminal import plain
from cli.views.words import staleness
from schemas.document_views import ContextView

__all__ = ["render_context"]


def render_context(context: ContextView) -> RenderableType:
    told = f"{context.tokens} of {context.token_budget} tokens ({plain(context.tokenizer)})"
    left_out = f", {context.left_out} lines left out" if context.left_out else ""
    block = Text("\n".join(plain(line) for line in context.text.split("\n")))
    return Group(
        block if context.text else Text("nothing can be told within this budget"),
        Text(told + left_out, style="dim"),
        *staleness(context.stale_because),
    )
