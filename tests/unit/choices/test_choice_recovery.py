import numpy as np
from planted_choices import agreeing, attributes, camps, item, pair, prefer, sign, streamed, vote

from evaluation.choices import StreamedChoices
from profiles.choices.communities import find_communities
from profiles.choices.mixtures import fit_mixture
from profiles.choices.strengths import Duels, StrengthOptions, fit_strengths
from profiles.choices.vectors import VectorOptions, fit_vectors
from profiles.choices.wording import wording
from profiles.choices.wordprior import fit_word_prior
from profiles.queries import Level
from schemas.decoded import FastEvent, Interaction, Preference


def accuracy(made: StreamedChoices, events: list[Interaction]) -> dict[Level, float]:
    hits = dict.fromkeys(Level, 0.0)
    for event in events:
        answers = made.predict(sign(event.user_id, event.item_id))
        for level, log_odds in answers.items():
            hits[level] += (log_odds > 0) == ((event.value or 0.0) > 0)
        made.learn(event)
    return {level: hit / len(events) for level, hit in hits.items()}


def renamed(events: list[Interaction]) -> list[Interaction]:
    """The same kind of people, but nobody who is known."""
    return [
        Interaction(
            "t",
            "new-" + e.event_id,
            e.occurred_at_ms,
            "new-" + e.user_id,
            e.item_id,
            "vote",
            e.value,
        )
        for e in events
    ]


def test_two_camps_are_told_apart_by_personas_and_by_user_vectors() -> None:
    everything = camps(users=160, items=30, votes=20, seed=1)
    known = [e for e in everything if int(e.user_id[1:]) < 120]
    unseen = renamed([e for e in everything if int(e.user_id[1:]) >= 120])
    of = accuracy(streamed(known), unseen)
    assert of[Level.GLOBAL] < 0.6
    assert of[Level.PERSONA] > 0.82
    assert of[Level.USER] > 0.82
    assert of[Level.BLEND] > max(of.values()) - 0.01


def table(events: list[Interaction]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    latest = {(int(e.user_id[1:]), int(e.item_id[1:])): int(e.value or 0) for e in events}
    ends = np.array(list(latest), np.int64)
    return ends[:, 0], ends[:, 1], np.array(list(latest.values()), np.int8)


def test_personas_find_the_camps() -> None:
    users, items, values = table(camps(users=80, items=20, votes=20, seed=2))
    (community,) = find_communities(users, items, values, most_items=64, most_users=500)
    personas = fit_mixture(community.votes)
    shifts = np.zeros(80)
    for user in range(80):
        mine = (users == user) & (items != 0)
        shifts[user] = personas.predict(items[mine], values[mine], 0).shift
    odd, even = shifts[1::2], shifts[::2]
    assert (np.sign(odd) == np.sign(odd.sum())).mean() > 0.9
    assert np.sign(odd.sum()) == -np.sign(even.sum())


def test_conversations_are_found_by_their_voters() -> None:
    users, items, values = table(camps(users=30, items=12, votes=20, seed=12))
    apart = np.concatenate([users, users + 30]), np.concatenate([items, items + 12])
    found = find_communities(*apart, np.tile(values, 2), most_items=8, most_users=20)
    assert [len(one.items) for one in found] == [8, 8]
    assert all(len(one.votes) == 20 for one in found)
    assert found[0].items.max() < 12 <= found[1].items.min()


def test_vectors_separate_the_camps_and_learn_how_much_people_lean() -> None:
    users, items, values = table(camps(users=100, items=25, votes=15, seed=13))
    fitted = fit_vectors(
        users, items, values.astype(np.float64), np.zeros(25), VectorOptions(), seed=0
    )
    hits = []
    for user in range(100):
        mine = users == user
        for place in np.flatnonzero(mine)[-3:]:
            rest = mine.copy()
            rest[place] = False
            belief = fitted.user(items[rest], values[rest].astype(np.float64))
            answer = fitted.answer(belief, fitted.item(int(items[place])))
            hits.append(np.sign(answer.shift) == values[place])
    assert np.mean(hits) > 0.8
    assert fitted.user_variance[0] < 0.2  # nobody here says yes to everything


def test_careless_comparers_move_strengths_less() -> None:
    rng = np.random.default_rng(14)
    truth = np.linspace(-2.0, 2.0, 20)
    ends = np.array([rng.choice(20, 2, replace=False) for _ in range(4_000)])
    users = rng.integers(0, 40, 4_000)
    ahead = np.where(users < 20, 1.0, 0.0) * (truth[ends[:, 0]] - truth[ends[:, 1]])
    won = rng.random(4_000) < 1.0 / (1.0 + np.exp(-ahead))
    winner, loser = np.where(won, ends[:, 0], ends[:, 1]), np.where(won, ends[:, 1], ends[:, 0])
    duels = Duels(users, winner, loser, np.ones(4_000), np.zeros(4_000, np.bool_))
    measures = np.zeros((20, 12))
    told = fit_strengths(duels, measures, StrengthOptions())
    deaf = fit_strengths(duels, measures, StrengthOptions(following=1e-6))
    error = [np.abs(one.mean - truth).mean() for one in (told, deaf)]
    assert error[0] < 0.8 * error[1]


def test_words_tell_where_an_item_starts_and_not_by_its_own_votes() -> None:
    from scipy import sparse

    from profiles.choices.wording import TEXT_WIDTH

    rng = np.random.default_rng(15)
    texts = [f"{'good' if n % 2 else 'awful'} thing number{n}" for n in range(120)]
    features = [wording(text, ()) for text in texts]
    starts = np.cumsum([0, *(len(one.places) for one in features)])
    matrix = sparse.csr_matrix(
        (
            np.concatenate([one.values for one in features]),
            np.concatenate([one.places for one in features]),
            starts,
        ),
        shape=(120, TEXT_WIDTH),
    )
    votes = np.full(120, 10.0)
    ayes = rng.binomial(10, [0.8 if n % 2 else 0.2 for n in range(120)]).astype(np.float64)
    prior, honest = fit_word_prior(matrix, ayes, votes, variance=0.1, special=4.0)
    assert prior.log_odds(wording("a good one", ())) > 0.3
    assert prior.log_odds(wording("an awful one", ())) < -0.3
    ayes[1] = 0.0
    _, turned = fit_word_prior(matrix, ayes, votes, variance=0.1, special=4.0)
    assert abs(turned[1] - honest[1]) < 1e-3


def test_layers_of_people_without_taste_get_no_weight() -> None:
    everything = agreeing(users=160, items=30, votes=20, seed=3)
    known = [e for e in everything if int(e.user_id[1:]) < 120]
    unseen = renamed([e for e in everything if int(e.user_id[1:]) >= 120])
    made = streamed(known)
    moved = []
    for event in unseen:
        answers = made.predict(sign(event.user_id, event.item_id))
        moved.append(abs(answers[Level.BLEND] - answers[Level.GLOBAL]))
        made.learn(event)
    assert float(np.mean(moved)) < 0.12


def test_declared_attributes_are_evidence_about_a_stranger() -> None:
    events: list[FastEvent] = [item("i0", "a question")]
    rng = np.random.default_rng(4)
    for n in range(300):
        job = "baker" if n % 2 else "butcher"
        events.append(attributes(f"u{n}", job=job))
        for what in range(4):
            keen = rng.random() < (0.85 if n % 2 else 0.15)
            events.append(vote(f"u{n}", f"i{what}", 1.0 if keen else -1.0, n))
    made = streamed(events)
    made.learn(attributes("new", job="baker"))
    made.learn(attributes("other", job="butcher"))
    assert made.predict(sign("new", "i0"))[Level.PERSONA] > 0.3
    assert made.predict(sign("other", "i0"))[Level.PERSONA] < -0.3


def duels(*, users: int, each: int, seed: int) -> list[Preference]:
    """Items of known strength; half of the users prefer the opposite."""
    rng = np.random.default_rng(seed)
    events = []
    for number in range(users * each):
        user = int(rng.integers(users))
        a, b = rng.choice(12, 2, replace=False).tolist()
        ahead = 0.7 * (a - b) * (1.0 if user % 4 else -1.0)
        won = rng.random() < 1.0 / (1.0 + np.exp(-ahead))
        events.append(
            prefer(f"u{user}", f"i{a}" if won else f"i{b}", f"i{b}" if won else f"i{a}", number)
        )
    return events


def test_contrarians_among_comparers_are_found() -> None:
    everything = duels(users=120, each=30, seed=5)
    made = streamed([event for event in everything if int(event.user_id[1:]) < 90])
    hits = dict.fromkeys(Level, 0)
    late = 0
    seen: dict[str, int] = {}
    for event in everything:
        if int(event.user_id[1:]) < 90:
            continue
        seen[event.user_id] = seen.get(event.user_id, 0) + 1
        if seen[event.user_id] > 10:
            late += 1
            a, b = sorted((event.chosen.item_id or "", event.rejected.item_id or ""))
            for level, log_odds in made.predict(pair(event.user_id, a, b)).items():
                hits[level] += (log_odds > 0) == (event.chosen.item_id == a)
        made.learn(event)
    of = {level: hit / late for level, hit in hits.items()}
    assert of[Level.USER] > of[Level.GLOBAL] + 0.08
    assert of[Level.PERSONA] > of[Level.GLOBAL] + 0.08
    assert of[Level.BLEND] > of[Level.USER] - 0.02


def test_a_change_of_taste_is_followed() -> None:
    made = streamed(camps(users=160, items=60, votes=30, seed=6))
    side = {n: made.predict(sign("u1", f"i{n}"))[Level.BLEND] > 0 for n in range(60)}
    for n in range(20):
        made.learn(vote("turned", f"i{n}", 1.0 if side[n] else -1.0, n))
    for n in range(20, 55):
        made.learn(vote("turned", f"i{n}", -1.0 if side[n] else 1.0, n))
    late = [made.predict(sign("turned", f"i{n}"))[Level.USER] > 0 for n in range(55, 60)]
    assert sum(answer != side[n] for n, answer in zip(range(55, 60), late, strict=True)) >= 4
