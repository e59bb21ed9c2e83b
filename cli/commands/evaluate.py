"""`strata evaluate`."""

from collections.abc import Mapping
from dataclasses import dataclass
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
    task: Annotated[str, typer.Option(help="next-item, sign, pairwise, retrieval or generation.")],
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
    generator: Annotated[
        str,
        typer.Option(
            help="generation: extractive, an OpenAI-compatible address (http://…/v1), or hf:MODEL."
        ),
    ] = "extractive",
    generator_model: Annotated[
        str | None, typer.Option(metavar="NAME", help="generation: which of the address' models.")
    ] = None,
    similarity: Annotated[
        str,
        typer.Option(
            metavar="MODEL", help="generation: text model of the metric similarity, or none."
        ),
    ] = "all-MiniLM-L6-v2",
    most: Annotated[
        int | None, typer.Option(min=1, help="generation: stop after so many texts.")
    ] = None,
) -> None:
    """Say how well each layer predicts, by how much a user has shown."""
    from rich.console import Console

    from cli.progress import counting_progress
    from cli.settings import load_settings
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
    if task == "generation":
        asked = _Generation(generator, generator_model, similarity, most)
        files = {"items": items, "warm": warm, "test": test}
        _write(_generation(asked, files, predictions=predictions, seed=seed), json)
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
                options=Options(embedding_model=load_settings().embedding_model, seed=seed),
                on_progress=show,
            )
    except (UnreadableEvents, EmbeddingModelMissing, OSError) as error:
        raise CommandFailed(str(error)) from error
    _write(report_json(named, figures), json)


def _retrieval(*, items: Path, warm: Path, test: Path, seed: int) -> Mapping[str, object]:
    import asyncio

    from rich.console import Console

    from cli.progress import counting_progress
    from cli.settings import load_settings
    from evaluation.errors import UnreadableEvents
    from evaluation.retrieval import evaluate_retrieval, report
    from streams.embedding import EmbeddingModelMissing, open_embedder

    try:
        embedder = open_embedder(load_settings().embedding_model)
        with counting_progress(Console(stderr=True)) as progress:
            bar = progress.add_task("searching and learning", total=None)

            def show(done: int, total: int) -> None:
                progress.update(bar, completed=done, total=total)

            judged = asyncio.run(
                evaluate_retrieval(
                    items=items, warm=warm, test=test, embedder=embedder, on_progress=show
                )
            )
    except (UnreadableEvents, EmbeddingModelMissing, OSError) as error:
        raise CommandFailed(str(error)) from error
    return report(judged, seed=seed)


@dataclass(frozen=True, slots=True)
class _Generation:
    """Options of the task alone."""

    generator: str
    model: str | None
    similarity: str
    most: int | None


def _generation(
    asked: _Generation, files: Mapping[str, Path], *, predictions: Path | None, seed: int
) -> Mapping[str, object]:
    from contextlib import closing

    from rich.console import Console

    from cli.progress import counting_progress
    from evaluation.errors import UnreadableEvents, WriterUnavailable
    from evaluation.generation.figures import generation_report
    from evaluation.generation.run import evaluate_generation
    from evaluation.generation.writers import open_writer
    from streams.embedding import EmbeddingModelMissing, open_embedder

    try:
        embedder = None if asked.similarity == "none" else open_embedder(asked.similarity)
        with (
            closing(open_writer(asked.generator, model=asked.model, seed=seed)) as writer,
            counting_progress(Console(stderr=True)) as progress,
        ):
            bar = progress.add_task("writing and learning", total=asked.most)
            judged = evaluate_generation(
                items=files["items"],
                warm=files["warm"],
                test=files["test"],
                writer=writer,
                embedder=embedder,
                predictions=predictions,
                most=asked.most,
                seed=seed,
                on_written=lambda done: progress.update(bar, completed=done),
            )
    except (UnreadableEvents, WriterUnavailable, EmbeddingModelMissing, OSError) as error:
        raise CommandFailed(str(error)) from error
    return generation_report(judged, generator=writer.name, seed=seed)


def _write(report: Mapping[str, object], out: Path | None) -> None:
    import json

    text = json.dumps(report, indent=2) + "\n"
    if out is None:
        typer.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")
