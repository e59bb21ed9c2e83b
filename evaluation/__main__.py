"""A private entry: `python -m evaluation --task next-item --items F --warm F --test F`."""

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

from evaluation.errors import UnknownTask, UnreadableEvents
from evaluation.predictors import Options
from evaluation.run import Progress, evaluate, report_json, task_named
from profiles.nextitem.ingredients import INGREDIENTS
from streams.embedding import EmbeddingModelMissing


def main() -> int:
    """Exit 0 on success, 1 if a file or the text model fails."""
    arguments = _parser().parse_args()
    options = Options(seed=arguments.seed)
    left_out = frozenset(arguments.without)
    options = replace(options, next_item=replace(options.next_item, left_out=left_out))
    started_s = time.monotonic()
    try:
        task = task_named(arguments.task)
        figures = evaluate(
            task,
            items=arguments.items,
            warm=arguments.warm,
            test=arguments.test,
            predictions=arguments.predictions,
            options=options,
            on_progress=_show if sys.stderr.isatty() else lambda _: None,
        )
    except (UnknownTask, UnreadableEvents, EmbeddingModelMissing, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    report = json.dumps(report_json(task, figures), indent=2) + "\n"
    if arguments.json:
        arguments.json.write_text(report, encoding="utf-8")
    else:
        sys.stdout.write(report)
    sys.stderr.write(f"{time.monotonic() - started_s:.0f} s\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evaluation")
    parser.add_argument("--task", required=True)
    for name in ("--items", "--warm", "--test"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--predictions", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--without", action="append", default=[], choices=sorted(INGREDIENTS))
    return parser


def _show(progress: Progress) -> None:
    if progress.done % 500 == 0 or progress.done == progress.total:
        sys.stderr.write(f"\r{progress.done} of {progress.total} events")
        sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
