import pytest
from msgspec.structs import replace

from profiles.declared import (
    NOTHING_DECLARED,
    DeclaredPersonas,
    asked_epoch,
    declaration_of,
    load_personas,
)
from profiles.rules import DeclarationError
from profiles.state import EMPTY_STATE, AttributeValue

STUDENTS = """
[[persona]]
id = "students"
title = "Students"
description = "They said so."
rule = { attribute = "occupation", is = "student" }
"""


def declared(rule: str, *, ident: str = "here") -> DeclaredPersonas:
    return load_personas(
        f'[[persona]]\nid = "{ident}"\ntitle = "T"\ndescription = "D"\nrule = {rule}\n'
    )


def error_of(text: str) -> str:
    with pytest.raises(DeclarationError) as caught:
        load_personas(text)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_user_may_belong_to_several_personas_or_none() -> None:
    personas = load_personas(
        STUDENTS
        + """
[[persona]]
id = "young"
title = "Young"
description = "Teenagers."
rule = { attribute = "age", at_least = 13, below = 20 }
"""
    )
    assert personas.of({"occupation": "student", "age": 19}) == ("students", "young")
    assert personas.of({"age": 20}) == ()
    assert personas.of({}) == ()


@pytest.mark.parametrize(
    ("rule", "members", "others"),
    [
        ('{ attribute = "a", in = ["x", 1] }', [{"a": "x"}, {"a": 1}], [{"a": "y"}, {"a": True}]),
        ('{ attribute = "a", exists = true }', [{"a": 0}], [{}]),
        ('{ attribute = "a", exists = false }', [{}], [{"a": 0}]),
        ('{ attribute = "a", above = 1, at_most = 2 }', [{"a": 2}], [{"a": 1}, {"a": "2"}]),
        ('{ not = { attribute = "a", is = 1 } }', [{"a": 2}], [{"a": 1}, {}]),
        (
            '{ all = [{ attribute = "a", is = 1 }, { attribute = "b", is = 2 }] }',
            [{"a": 1, "b": 2}],
            [{"a": 1}, {"b": 2}],
        ),
        (
            '{ any = [{ attribute = "a", is = 1 }, { attribute = "b", is = 2 }] }',
            [{"a": 1}, {"b": 2}],
            [{"a": 2}],
        ),
    ],
)
def test_every_operator_says_who_belongs(
    rule: str, members: list[dict[str, str | int]], others: list[dict[str, str | int]]
) -> None:
    personas = declared(rule)
    assert [personas.of(stated) for stated in members] == [("here",)] * len(members)
    assert [personas.of(stated) for stated in others] == [()] * len(others)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("{}", "rule: empty"),
        ("1", "rule: not a table"),
        ('{ attribute = "a" }', "no test"),
        ('{ attribute = "", is = 1 }', "attribute must name one"),
        ("{ is = 1 }", "attribute must name one"),
        ('{ attribute = "a", equals = 1 }', "there is no 'equals' (known: attribute, is, in"),
        ('{ attribute = "a", is = 1, below = 2 }', "is and below cannot stand together"),
        ('{ attribute = "a", is = [1] }', "rule.is: must be a text, a number"),
        ('{ attribute = "a", in = [] }', "rule.in: empty"),
        ('{ attribute = "a", in = "x" }', "rule.in: not a list"),
        ('{ attribute = "a", in = [1, []] }', "rule.in[1]: must be a text"),
        ('{ attribute = "a", below = "x" }', "rule.below: must be a number"),
        ('{ attribute = "a", below = true }', "rule.below: must be a number"),
        ('{ attribute = "a", below = nan }', "rule.below: must lie within"),
        ('{ attribute = "a", is = 1e300 }', "rule.is: must lie within"),
        ('{ attribute = "a", exists = 1 }', "rule.exists: must be true or false"),
        ("{ all = [] }", "rule.all: empty"),
        ("{ any = {} }", "rule.any: not a list"),
        ("{ all = [{}] }", "rule.all[0]: empty"),
        ('{ not = { any = [{ attribute = "a", is = {} }] } }', "rule.not.any[0].is: must be"),
        ('{ all = [{ attribute = "a", is = 1 }], attribute = "a" }', "'all' stands alone"),
        ('{ attribute = "a", above = 2, below = 1 }', "contradicts itself"),
        ('{ attribute = "a", at_least = 1, below = 1 }', "contradicts itself"),
        (
            '{ all = [{ attribute = "a", is = 1 }, { attribute = "a", in = [2, 3] }] }',
            "contradicts itself",
        ),
        (
            '{ all = [{ attribute = "a", exists = false }, { attribute = "a", is = 1 }] }',
            "contradicts itself",
        ),
        ("{ not = " * 20 + '{ attribute = "a", is = 1 }' + " }" * 20, "nested deeper than 16"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_named(rule: str, message: str) -> None:
    text = f'[[persona]]\nid = "odd"\ntitle = "T"\ndescription = "D"\nrule = {rule}\n'
    found = error_of(text)
    assert found.startswith('personas: "odd": ')
    assert message in found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("persona = 1", "write [[persona]]"),
        ("[persona]\nid = 'x'", "write [[persona]]"),
        ("[[people]]\nid = 'x'", "there is no 'people', only [[persona]]"),
        ("not toml", "personas: not TOML"),
        ("[[persona]]\ntitle = 'x'", "personas: entry 1: id is missing"),
        ("[[persona]]\nid = 'a b'", "id 'a b' must be"),
        ("[[persona]]\nid = 3", "id must be a text"),
        (STUDENTS.replace('"students"', '"p3"'), "\"p3\": ids like 'p3' are those of discovered"),
        (STUDENTS.replace('"students"', '"P17"'), "are those of discovered"),
        (STUDENTS + STUDENTS, '"students" is declared 2 times'),
        (STUDENTS + "colour = 'red'", "\"students\": there is no 'colour'"),
        (STUDENTS.replace('title = "Students"', ""), '"students": title is missing'),
        (STUDENTS.replace('"They said so."', '" "'), "description must be a text"),
        ("[[persona]]\nid = 'x'\ntitle = 'x'\ndescription = 'x'", "rule is missing"),
        ("\n".join(STUDENTS for _ in range(101)), "101 entries, at most 100"),
    ],
)
def test_an_entry_that_cannot_be_used_is_named(text: str, message: str) -> None:
    assert message in error_of(text)


def test_the_version_tells_who_is_meant_and_nothing_else() -> None:
    first = load_personas(STUDENTS)
    assert load_personas(STUDENTS.replace("They said so.", "Other words.")).version == first.version
    assert load_personas(STUDENTS.replace('"student"', '"pupil"')).version != first.version
    assert load_personas(STUDENTS.replace('"students"', '"pupils"')).version != first.version
    assert declared('{ attribute = "a", is = 1 }').version != (
        declared('{ attribute = "a", is = "1" }').version
    )
    assert NOTHING_DECLARED.version == load_personas("").version == 0
    assert 0 < first.version < 2**31


def test_the_order_of_the_file_does_not_matter_to_the_version() -> None:
    other = STUDENTS.replace('"students"', '"pupils"')
    assert load_personas(STUDENTS + other).version == load_personas(other + STUDENTS).version


def test_counters_are_numbered_by_declaration_and_epoch() -> None:
    first, other = load_personas(STUDENTS), declared('{ attribute = "a", is = 1 }')
    builds = {personas.build(epoch) for personas in (first, other) for epoch in (1, 2)}
    assert len(builds) == 4
    assert all(0 < build < 2**63 for build in builds)
    assert [asked_epoch(first.build(epoch)) for epoch in (1, 7)] == [1, 7]
    assert declaration_of(first.build(7)) == first.version
    assert declaration_of(NOTHING_DECLARED.build(7)) == 0
    assert NOTHING_DECLARED.build(5) == 5


def test_a_user_without_an_event_is_counted_nowhere() -> None:
    personas = declared('{ attribute = "a", exists = false }')
    assert personas.of_state(EMPTY_STATE) == ()
    assert personas.of_state(replace(EMPTY_STATE, version=1)) == ("here",)
    stated = replace(EMPTY_STATE, version=1, attributes={"a": AttributeValue(1, 1, "x")})
    assert personas.of_state(stated) == ()
