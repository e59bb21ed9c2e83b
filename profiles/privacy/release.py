"""What may be told of a group from one moment to the next: counts of people, k-anonymous.

A *cell* is a number of people, such as those of a persona who like an item. What is told of it
is 0 or a multiple of k (Sweeney 2002, "k-anonymity"; rounding to a base against differences
between tables: Willenborg & de Waal 2001, "Elements of Statistical Disclosure Control", ch. 9).
That alone would tell when one person crosses a step, so a cell also remembers how many people
stood behind each number that was ever told, and another number is told only when at least k
people more or fewer than behind all of those stand behind it. (Tables that are published again
and again are the subject of Xiao & Tao 2007, "m-invariance".)

Laws, for cells to which each person adds at most one:

* every number told is 0 or a multiple of k, and so is every sum and difference of such numbers;
* behind any two different numbers ever told of a cell stand sets of people that differ in at
  least k of them;
* what is told is 0 wherever fewer than k people are behind it.

Deterministic: the same counts in the same order tell the same. Exact for k = 1.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

__all__ = ["UNTOLD", "Cell", "Told", "rounded", "told_anew"]

_FINENESS: Final = 16
_MOST_STEPS: Final = 64


class Told(msgspec.Struct, frozen=True, array_like=True):
    """A number that was told of a cell, and how many people were behind it when it was.

    Attributes:
        number: 0 or a multiple of k.
        fewest, most: Of the people behind it, over all times that it was told anew.
        amount: What these people did, rounded; told with the number and never otherwise.
    """

    number: int
    fewest: int
    most: int
    amount: int = 0


class Cell(msgspec.Struct, frozen=True, array_like=True):
    """What is told of a number of people, and what was.

    Attributes:
        number: Told now.
        told: Every other number than 0 that was ever told, in the order of the first time.
        steps: (event time in ms, people) of what `number` is the sum of, oldest first.
    """

    number: int = 0
    told: tuple[Told, ...] = ()
    steps: tuple[tuple[int, int], ...] = ()

    @property
    def amount(self) -> int:
        return next((one.amount for one in self.told if one.number == self.number), 0)


UNTOLD: Final = Cell()


def rounded(count: int, *, k: int) -> int:
    """`count` rounded down to a multiple of k: one of 8 to 16 steps per doubling.

    >>> [rounded(count, k=5) for count in (4, 9, 79, 83, 1234)]
    [0, 5, 75, 80, 1200]

    Args:
        k: ≥ 1; 1 rounds nothing.
    """
    step = k
    while k > 1 and step * _FINENESS * 2 <= count:
        step *= 2
    return count // step * step


def told_anew(cell: Cell, count: int, *, k: int, now_ms: int, amount: int = 0) -> Cell:
    """The cell when `count` people are behind it; the same one where nothing may be said.

    Args:
        count: ≥ 0; each person counts once.
        k: ≥ 1, the same for the whole life of a cell.
        now_ms: Event time; a number that is told for the first time has this time.
        amount: What these people did, such as how many events; ≥ 0.
    """
    if k == 1:
        alone = (Told(count, count, count, amount),) if count else ()
        return Cell(count, alone, _stepped(cell, count, now_ms))
    for number in _candidates(cell, count, k):
        if number == cell.number:
            return cell
        if _may_be_told(cell, number, count, k):
            return Cell(
                number,
                _with(cell.told, number, count, rounded(amount, k=k)),
                _stepped(cell, number, now_ms),
            )
    return cell


def _candidates(cell: Cell, count: int, k: int) -> Iterator[int]:
    """The number that says most, then those that were told before, nearest first."""
    yield rounded(count, k=k)
    if count >= k:
        yield from sorted(
            (one.number for one in cell.told), key=lambda number: (abs(number - count), number)
        )


def _may_be_told(cell: Cell, number: int, count: int, k: int) -> bool:
    # Nothing is told while fewer than k are there: up to k - 1 people may be behind a 0.
    if number and count < 2 * k - 1:
        return False
    return all(
        count <= one.fewest - k or count >= one.most + k
        for one in cell.told
        if one.number != number
    )


def _with(told: Sequence[Told], number: int, count: int, amount: int) -> tuple[Told, ...]:
    if not number:
        return tuple(told)
    if all(one.number != number for one in told):
        return (*told, Told(number, count, count, amount))
    # An amount beside a number that was told before would tell what changed since.
    return tuple(
        Told(number, min(one.fewest, count), max(one.most, count), one.amount)
        if one.number == number
        else one
        for one in told
    )


def _stepped(cell: Cell, number: int, now_ms: int) -> tuple[tuple[int, int], ...]:
    """When the people came of whom the number is told; whoever came last leaves first."""
    steps, left = list(cell.steps), cell.number - number
    if left < 0:
        steps.append((now_ms, -left))
        if len(steps) > _MOST_STEPS:
            steps[:2] = [(steps[1][0], steps[0][1] + steps[1][1])]
        return tuple(steps)
    while left > 0:
        at_ms, people = steps.pop()
        if people > left:
            steps.append((at_ms, people - left))
        left -= min(people, left)
    return tuple(steps)
