"""`strata doctor` from start to end."""

import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Final

import msgspec
from rich.table import Table
from rich.text import Text

from cli.connecting import kafka_site, lookup_url, redis_site
from cli.doctor.access import examine_access
from cli.doctor.declarations import declaration_in_force, examine_declarations
from cli.doctor.findings import Finding, Verdict, right, wrong
from cli.doctor.kafka import examine_kafka
from cli.doctor.lookup import examine_lookup, examine_qdrant
from cli.doctor.machine import examine_machine
from cli.doctor.redis import examine_redis
from cli.doctor.spaces import examine_spaces
from cli.errors import CommandFailed, NotRunning
from cli.logs import configure_quiet
from cli.running import find_running
from cli.settings import Settings, load_settings
from cli.terminal import cell, stdout

__all__ = ["run_doctor"]

_MARKS: Final = {Verdict.OK: "ok", Verdict.NOTE: "note", Verdict.WRONG: "WRONG"}


async def run_doctor(*, as_json: bool) -> None:
    """Examine everything that the settings name, or the stack that runs.

    Raises:
        CommandFailed: something is wrong.
    """
    settings = load_settings()
    configure_quiet()
    findings = await _examine(settings)
    if as_json:
        rows = [asdict(finding) for finding in findings]
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(rows)).decode() + "\n")
    else:
        _show(findings)
    troubles = sum(finding.verdict is Verdict.WRONG for finding in findings)
    if troubles:
        raise CommandFailed(f"{troubles} of {len(findings)} findings need attention")


async def _examine(settings: Settings) -> list[Finding]:
    embedded = None in (settings.kafka_bootstrap, settings.redis_url, settings.qdrant_url)
    findings = [
        *examine_machine(settings, embedded=embedded),
        *examine_declarations(settings),
        *examine_access(settings, now=datetime.now(UTC)),
    ]
    if embedded:
        try:
            stack = find_running(settings.data_dir)
        except NotRunning as error:
            return [*findings, wrong("stack", str(error), "run `strata up`")]
        findings.append(right("stack", f"process {stack.pid} owns {settings.data_dir}"))
        qdrant_url = stack.qdrant_url
    else:
        qdrant_url = settings.qdrant_url or ""
    for examined in (
        examine_kafka(kafka_site(settings)),
        examine_spaces(kafka_site(settings)),
        examine_redis(redis_site(settings), declaration=declaration_in_force(settings)),
        examine_qdrant(qdrant_url),
        examine_lookup(lookup_url(settings)),
    ):
        findings += [finding async for finding in examined]
    return findings


def _show(findings: list[Finding]) -> None:
    table = Table.grid(padding=(0, 2))
    for finding in findings:
        style = "bold" if finding.verdict is Verdict.WRONG else ""
        table.add_row(
            Text(_MARKS[finding.verdict], style=style),
            Text(finding.about, no_wrap=True),
            cell(finding.found),
        )
        if finding.advice:
            table.add_row("", "", cell(f"→ {finding.advice}"))
    stdout().print(table)
