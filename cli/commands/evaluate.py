"""`strata evaluate`."""

from collections.abc import Mapping
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
    task: Annotated[str, typer.Option(help="next-item, sign, pairwise or retrieval.")],
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

    if task == "retrieval":
        if predictions is not None:
            raise typer.BadParameter("the task retrieval writes no predictions")
        _write(_retrieval(items=items, warm=warm, test=test, seed=seed), json)
        return
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
    _write(report_json(named, figures), json)


def _retrieval(*, items: Path, warm: Path, test: Path, seed: int) -> Mapping[str, object]:
    import asyncio

    from evaluation.errors import UnreadableEvents
    from evaluation.retrieval import evaluate_retrieval, report
    from streams.embedding import DEFAULT_MODEL, EmbeddingModelMissing, open_embedder

    try:
        embedder = open_embedder(DEFAULT_MODEL)
        judged = asyncio.run(
            evaluate_retrieval(items=items, warm=warm, test=test, embedder=embedder)
        )
    except (UnreadableEvents, EmbeddingModelMissing, OSError) as error:
        raise CommandFailed(str(error)) from error
    return report(judged, seed=seed)


def _write(report: Mapping[str, object], out: Path | None) -> None:
    import json

    text = json.dumps(report, indent=2) + "\n"
    if out is None:
        typer.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")
