"""`strata dead-letters` on the terminal."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from rich.table import Table
from rich.text import Text

from cli.connecting import kafka_site
from cli.letters import Letter, Position, find_letter, read_letters
from cli.logs import configure_quiet
from cli.publishing import Publisher
from cli.republishing import corrected_value, republished
from cli.settings import load_settings
from cli.terminal import cell, plain, stderr, stdout
from cli.views.words import moment

__all__ = ["print_letter", "print_letters", "republish_letters", "spelled_out"]

_MOST_SHOWN_BYTES: Final = 16_384


def spelled_out(raw: bytes) -> str:
    r"""Bytes as text: what is not UTF-8 as \xNN, what steers a terminal escaped.

    >>> spelled_out(b'{"a": "\x1b[2J\xff"}')
    '{"a": "\\x1b[2J\\xff"}'
    """
    return plain(raw.decode("utf-8", "backslashreplace"))


async def print_letters(*, reason: str | None, limit: int, as_json: bool) -> None:
    configure_quiet()
    site = kafka_site(load_settings())
    letters = [
        letter
        for letter in await read_letters(site.kafka_bootstrap, raw_of=lambda _: as_json)
        if reason is None or letter.reason == reason
    ]
    shown = letters[-limit:]
    if as_json:
        _print_json([letter.as_json() for letter in shown])
        return
    if not shown:
        stdout().print(cell("no dead letters" + (f" for {reason}" if reason else "")))
        return
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    for column in ("position", "received", "bytes", "reason"):
        table.add_column(
            column,
            justify="right" if column == "bytes" else "left",
            # What is typed again must not be cut.
            no_wrap=column != "reason",
        )
    for letter in shown:
        table.add_row(
            str(letter.position),
            moment(letter.received_ms),
            f"{letter.length:,}" + (" cut" if letter.is_cut else ""),
            cell(f"{letter.reason}: {letter.detail}"),
        )
    stdout().print(table)
    if len(shown) < len(letters):
        stderr().print(f"{len(letters) - len(shown):,} older ones not shown (--limit)")


async def print_letter(position: Position, *, as_json: bool) -> None:
    configure_quiet()
    site = kafka_site(load_settings())
    letter = find_letter(await read_letters(site.kafka_bootstrap, raw_of=position.__eq__), position)
    if as_json:
        _print_json(letter.as_json())
        return
    about = Table.grid(padding=(0, 2))
    for name, text in {
        "position": f"{letter.position.topic}, partition {letter.position.partition}, "
        f"offset {letter.position.offset}",
        "received": moment(letter.received_ms),
        "reason": f"{letter.reason}: {letter.detail}",
        "key": "none" if letter.key is None else spelled_out(letter.key),
        "length": f"{letter.length:,} bytes" + _kept(letter),
        "sha256": letter.sha256,
    }.items():
        about.add_row(name, cell(text))
    out = stdout()
    out.print(about)
    out.print()
    out.print(Text(spelled_out(letter.raw[:_MOST_SHOWN_BYTES])), soft_wrap=True)
    if len(letter.raw) > _MOST_SHOWN_BYTES:
        stderr().print(f"the first {_MOST_SHOWN_BYTES:,} bytes; --json has all that were kept")


def _kept(letter: Letter) -> str:
    return f", of which {letter.kept:,} were kept" if letter.is_cut else ""


async def republish_letters(
    positions: Sequence[Position], *, value_from: Path | None, key_of_event: bool
) -> None:
    """Send all or, if one of them would be refused again, none.

    Raises:
        CommandFailed: no such letter, or it would be refused again.
    """
    configure_quiet()
    site = kafka_site(load_settings())
    letters = await read_letters(site.kafka_bootstrap, raw_of=positions.__contains__)
    value = None if value_from is None else corrected_value(value_from)
    events = [
        republished(find_letter(letters, position), value=value, key_of_event=key_of_event)
        for position in positions
    ]
    async with Publisher.opened(site.kafka_bootstrap, partitions=site.partitions) as publisher:
        for event in events:
            await publisher.send(event)
    stdout().print(f"sent {len(events)} again; their dead letters stay until they expire")


def _print_json(value: object) -> None:
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value)).decode() + "\n")
