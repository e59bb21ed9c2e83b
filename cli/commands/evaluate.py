"""`strata evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

from cli.errors import CommandFailed

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    app.command()(evaluate)


def _events(text: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        metavar="FILE", exists=True, dir_okay=False, readable=True, help=text
    )
    return option


def evaluate(
    *,
    task: Annotated[str, typer.Option(help="next-item, sign or pairwise.")],
    items: Annotated[Path, _events("Item events, .jsonl or .jsonl.gz.")],
    warm: Annotated[Path, _events("Events of the users that are known already.")],
    test: Annotated[Path, _events("Events to predict, each before it is applied.")],
    json: Annotated[
        Path | None, typer.Option("--json", metavar="OUT", help="Write the figures here.")
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Write one line per prediction here.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
) -> None:
    """Say how well each layer predicts, by how much a user has shown."""
    from rich.console import Console

    from cli.progress import counting_progress
    from evaluation.errors import UnknownTask, UnreadableEvents
    from evaluation.predictors import Options
    from evaluation.run import Progress, report_json, task_named
    from evaluation.run import evaluate as evaluated
    from streams.embedding import EmbeddingModelMissing

    try:
        named = task_named(task)
    except UnknownTask as error:
        raise typer.BadParameter(str(error)) from error
    try:
        with counting_progress(Console(stderr=True)) as progress:
            bar = progress.add_task("predicting and learning", total=None)

            def show(reached: Progress) -> None:
                progress.update(bar, completed=reached.done, total=reached.total)

            figures = evaluated(
                named,
                items=items,
                warm=warm,
                test=test,
                predictions=predictions,
                options=Options(seed=seed),
                on_progress=show,
            )
    except (UnreadableEvents, EmbeddingModelMissing, OSError) as error:
        raise CommandFailed(str(error)) from error
    import json as encoding

    report = encoding.dumps(report_json(named, figures), indent=2) + "\n"
    if json is None:
        typer.echo(report, nl=False)
    else:
        json.write_text(report, encoding="utf-8")
