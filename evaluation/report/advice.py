"""What a comparison of layers means, in words."""

from collections.abc import Sequence
from typing import Final

from evaluation.report.crossover import Crossover, Verdict
from evaluation.report.results import CrossoverResult, rounded
from profiles.queries import Level

__all__ = ["advise", "crossover_result", "events_in_words", "interval_in_words"]

_NAMES: Final = {
    Level.GLOBAL: "the global layer",
    Level.PERSONA: "the persona layer",
    Level.USER: "the user layer",
    Level.BLEND: "the blend",
}
_ONE_USER: Final = 0.5


def crossover_result(challenger: Level, over: Level, found: Crossover) -> CrossoverResult:
    """As found, rounded."""

    def maybe(number: float | None) -> float | None:
        return None if number is None else rounded(number)

    return CrossoverResult(
        challenger=challenger,
        over=over,
        verdict=found.verdict,
        events=found.events,
        earliest=found.earliest,
        latest=found.latest,
        gain=rounded(found.gain),
        gain_low=maybe(found.gain_low),
        gain_high=maybe(found.gain_high),
        beyond=maybe(found.beyond),
        p_value=maybe(found.p_value),
        one_user=maybe(found.one_user),
        n=found.n,
        users=found.users,
    )


def advise(
    headline: CrossoverResult, others: Sequence[CrossoverResult], *, metric: str, worth: float
) -> tuple[str, ...]:
    """The headline in a sentence, then personas, then what to be careful about."""
    sentences = [_headline(headline, metric=metric, worth=worth)]
    personas = next(
        (one for one in others if (one.challenger, one.over) == (Level.PERSONA, Level.GLOBAL)), None
    )
    if personas is not None:
        sentences.append(_personas(personas, metric=metric, worth=worth))
    if headline.one_user is not None and headline.one_user > _ONE_USER:
        part = "more than all" if headline.one_user > 1 else f"{headline.one_user:.0%}"
        sentences.append(f"Careful: a single user brings {part} of the gain of individual data.")
    return tuple(sentences)


def _headline(found: CrossoverResult, *, metric: str, worth: float) -> str:
    beside = f"beside {_NAMES[found.over]}"
    match found.verdict:
        case Verdict.PAYS:
            return f"Individual data pays {_after(found)} {beside}: {_gain(found, metric)}"
        case Verdict.LITTLE:
            return (
                f"Individual data pays {_after(found)} {beside}, but little: "
                f"{_gain(found, metric)} It is surely less than the {worth:g} that is taken to "
                "be worth having."
            )
        case Verdict.NOT:
            return (
                f"It does not pay here: {beside}, no way of using individual data gains more than "
                f"{_shown(found.gain_high)} {metric} per prediction ({_size(found)})."
            )
        case Verdict.UNCLEAR:
            return (
                f"Not enough data to say whether individual data pays {beside}: "
                f"{_open(found, metric)}"
            )


def _personas(found: CrossoverResult, *, metric: str, worth: float) -> str:
    match found.verdict:
        case Verdict.PAYS:
            return f"Personas pay {_after(found)} beside the global layer: {_gain(found, metric)}"
        case Verdict.LITTLE:
            return (
                f"Personas pay {_after(found)} beside the global layer, but less than {worth:g}: "
                f"{_gain(found, metric)}"
            )
        case Verdict.NOT:
            return (
                "Personas do not pay beside the global layer: no use of them gains more than "
                f"{_shown(found.gain_high)} {metric} per prediction."
            )
        case Verdict.UNCLEAR:
            return f"Not enough data to say whether personas pay: {_open(found, metric)}"


def _after(found: CrossoverResult) -> str:
    interval = interval_in_words(found)
    if found.events == 0:
        return f"from the start (95 %: {interval})"
    if found.events == 1:
        return f"from the user's first event on (95 %: {interval})"
    return f"after about {found.events} of the user's own events (95 %: {interval})"


def _gain(found: CrossoverResult, metric: str) -> str:
    return (
        f"{_signed(found.beyond)} {metric} on predictions from there on, "
        f"{_signed(found.gain)} over all of them (at least {_shown(found.gain_low)}; "
        f"{_size(found)})."
    )


def _open(found: CrossoverResult, metric: str) -> str:
    if found.gain_high is None:
        return f"{_size(found)} are too few."
    return (
        f"the gain lies somewhere up to {_shown(found.gain_high)} {metric} per prediction "
        f"({_size(found)}; best guess {_signed(found.gain)})."
    )


def events_in_words(found: CrossoverResult) -> str:
    """The crossover itself: a number of events, or never."""
    return "never" if found.events is None else f"{found.events}"


def interval_in_words(found: CrossoverResult) -> str:
    """The confidence set of the crossover."""
    if found.earliest is None:
        return "never" if found.p_value is not None else "unknown"
    if found.latest is None:
        return f"{found.earliest} to never"
    if found.earliest == found.latest:
        return f"{found.earliest}"
    return f"{found.earliest} to {found.latest}"


def _shown(number: float | None) -> str:
    return "nothing" if number is None else f"{number:.4f}"


def _signed(number: float | None) -> str:
    return "nothing" if number is None else f"{number:+.4f}"


def _size(found: CrossoverResult) -> str:
    return f"{found.n:,} predictions of {found.users:,} users"
