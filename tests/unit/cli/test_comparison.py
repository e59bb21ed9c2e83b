import pytest
from sklearn.metrics import adjusted_rand_score

from cli.demo.comparison import compare

PLANTED = {"a": "sea", "b": "sea", "c": "sea", "d": "crime", "e": "crime", "f": "verse"}


def test_the_same_groups_under_other_names_agree_wholly() -> None:
    found = {"a": "p2", "b": "p2", "c": "p2", "d": "p1", "e": "p1", "f": "p3"}
    comparison = compare(PLANTED, found)
    assert comparison.rand_index == 1.0
    assert comparison.planted == ["sea", "crime", "verse"]
    assert comparison.found == ["p2", "p1", "p3"]


def test_users_are_counted_where_both_place_them() -> None:
    found = {"a": "p1", "b": "p1", "c": "p2", "d": "p2", "e": "p2", "stranger": "p1"}
    comparison = compare(PLANTED, found)
    assert comparison.compared == 5
    assert comparison.counts == {("sea", "p1"): 2, ("sea", "p2"): 1, ("crime", "p2"): 2}
    assert (comparison.size_planted("sea"), comparison.size_found("p2")) == (3, 3)
    assert comparison.rand_index == pytest.approx(
        adjusted_rand_score([0, 0, 0, 1, 1], [0, 0, 1, 1, 1])
    )


def test_groups_know_where_most_of_them_are() -> None:
    found = {"a": "p1", "b": "p1", "c": "p2", "d": "p2", "e": "p2", "f": "p2"}
    comparison = compare(PLANTED, found)
    assert comparison.home_of("sea") == "p1"
    assert comparison.mostly("p2") == "crime"
    assert comparison.home_of("verse") == "p2"
    assert comparison.home_of("nobody") is None


def test_nobody_found_is_no_agreement() -> None:
    assert compare(PLANTED, {}).rand_index == 0.0
