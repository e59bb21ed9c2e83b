import json
import re

import httpx
import pytest
from command_line import Command


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (["profile", "ish/mael"], "/v1/profiles/ish%2Fmael"),
        (["explain", "ish/mael"], "/v1/profiles/ish%2Fmael/explanation"),
        (
            ["explain", "ish/mael", "--half-life", "2", "--half-rank", "5", "--limit", "3"],
            "/v1/profiles/ish%2Fmael/explanation?half_life_s=172800&half_rank=5&limit=3",
        ),
        (["personas"], "/v1/personas"),
        (["personas", "p1"], "/v1/personas/p1"),
        (["statistics"], "/v1/statistics"),
        (["statistics", "--persona", "p1", "--most", "1"], "/v1/statistics?persona=p1&most=1"),
    ],
)
def test_json_is_exactly_the_services_answer(
    arguments: list[str], path: str, lookup_url: str, strata: Command
) -> None:
    answer = httpx.get(lookup_url + path, trust_env=False).text
    outcome = strata(*arguments, "--url", lookup_url, "--json")
    assert (outcome.code, outcome.out) == (0, answer + "\n")


def test_a_context_is_the_services_block_line_by_line(lookup_url: str, strata: Command) -> None:
    asked = {"user_id": "ish/mael", "token_budget": 900, "query": "the sea"}
    answer = httpx.post(f"{lookup_url}/v1/context", json=asked, trust_env=False).text
    arguments = ("context", "ish/mael", "--tokens", "900", "--query", "the sea")
    outcome = strata(*arguments, "--url", lookup_url, "--json")
    assert (outcome.code, outcome.out) == (0, answer + "\n")
    # However narrow the screen is: a line broken for it would be another line for a model.
    shown = strata(*arguments, "--url", lookup_url)
    block = json.loads(answer)["text"]
    assert shown.out.startswith(block + "\n")
    assert max(map(len, block.split("\n"))) > 100
    assert "of 900 tokens (bytes)" in shown.out


def test_a_context_by_an_unknown_template_is_one_clear_line(
    lookup_url: str, strata: Command
) -> None:
    outcome = strata("context", "ish/mael", "--template", "mine", "--url", lookup_url)
    assert (outcome.code, outcome.out) == (1, "")
    assert "must be one of plain, sections" in outcome.err


def test_the_address_may_come_from_the_environment(
    lookup_url: str, strata: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRATA_URL", lookup_url + "/")
    assert json.loads(strata("personas", "--json").out)["users"] == 40


def test_a_proxy_is_not_asked_for_this_machine(
    lookup_url: str, strata: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert strata("personas", "--url", lookup_url).code == 0


def test_a_profile_is_a_table_without_colours_in_a_pipe(lookup_url: str, strata: Command) -> None:
    outcome = strata("profile", "ish/mael", "--url", lookup_url)
    assert outcome.code == 0
    assert "ish/mael (version 1)" in outcome.out
    assert re.search(r"Moby\s+\+1\.00\s+█+", outcome.out)
    assert "\x1b" not in outcome.out


def test_text_of_others_cannot_steer_the_terminal(lookup_url: str, strata: Command) -> None:
    shown = strata("personas", "--url", lookup_url).out
    assert "sea \\x1b[31m[red]" in shown


def test_an_unknown_user_is_answered_and_it_says_so(lookup_url: str, strata: Command) -> None:
    outcome = strata("profile", "nobody", "--url", lookup_url)
    assert outcome.code == 0
    assert "nothing is known about this user" in outcome.out
    assert "popular with everybody: Lupin, Moby" in outcome.out


def test_an_explanation_names_events_what_they_are_worth_and_what_they_moved(
    lookup_url: str, strata: Command
) -> None:
    shown = strata("explain", "ish/mael", "--half-life", "2", "--url", lookup_url)
    assert shown.code == 0
    assert "2 d, and 10 later events; in force: 30 d and 10 events" in shown.out
    assert re.search(r"Moby\s+like\s+\+1\.00\s+\+1\.00\s+█+", shown.out)
    assert re.search(r"Typee\s+\+0\.\d\d\s+Moby \+0\.\d\d", shown.out)
    unknown = strata("explain", "nobody", "--url", lookup_url)
    assert (unknown.code, "nothing is known" in unknown.out) == (0, True)


def test_an_export_is_lines_or_one_array(lookup_url: str, strata: Command) -> None:
    lines = strata("export", "ish/mael", "--url", lookup_url)
    array = strata("export", "ish/mael", "--json", "--url", lookup_url)
    assert (lines.code, array.code) == (0, 0)
    events = [json.loads(line) for line in lines.out.splitlines()]
    assert events
    assert json.loads(array.out) == events


def test_another_tenant_knows_nothing_of_it(lookup_url: str, strata: Command) -> None:
    outcome = strata("profile", "ish/mael", "--tenant", "dräußen", "--url", lookup_url, "--json")
    answer = json.loads(outcome.out)
    assert (answer["tenant"], answer["known"]) == ("dräußen", False)


def test_a_ranking_gives_reasons(lookup_url: str, strata: Command) -> None:
    outcome = strata("rank", "ish/mael", "--limit", "2", "--url", lookup_url)
    assert outcome.code == 0
    assert re.search(r"1\s+\w+\s+\d\.\d\d\s+(Because|Popular)", outcome.out)
    assert "Moby " not in outcome.out.partition("because")[2]


def test_seen_items_are_ranked_when_asked_for(lookup_url: str, strata: Command) -> None:
    outcome = strata("rank", "ish/mael", "--seen", "--json", "--url", lookup_url)
    assert "moby" in [item["item_id"] for item in json.loads(outcome.out)["items"]]


def test_statistics_are_shown_for_people(lookup_url: str, strata: Command) -> None:
    outcome = strata("statistics", "--url", lookup_url)
    assert outcome.code == 0
    assert re.search(r"Lupin\s+9\.00", outcome.out)


def test_an_unknown_persona_is_one_line(lookup_url: str, strata: Command) -> None:
    outcome = strata("personas", "p99", "--url", lookup_url)
    assert outcome.code == 1
    assert re.fullmatch(r"strata: Unknown persona: [^\n]+\n", outcome.err)


def test_no_service_there_is_one_line(strata: Command) -> None:
    outcome = strata("personas", "--url", "http://127.0.0.1:9")
    assert outcome.code == 1
    assert re.fullmatch(r"strata: no lookup service answers at [^\n]+\n", outcome.err)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "127.0.0.1:8700", "http://[::1"])
def test_an_address_that_is_none_is_one_line(url: str, strata: Command) -> None:
    outcome = strata("personas", "--url", url)
    assert outcome.code in {1, 2}
    assert re.fullmatch(r"strata: [^\n]+\n", outcome.err)
    assert "bug" not in outcome.err


def test_a_tenant_that_is_not_utf8_is_wrong_use(lookup_url: str, strata: Command) -> None:
    outcome = strata("profile", "a", "--tenant", "\udcff", "--url", lookup_url)
    assert outcome.code == 2
