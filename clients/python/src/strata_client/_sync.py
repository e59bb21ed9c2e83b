"""The client for programs without an event loop.

Made from `_async` by `clients/generate.py`: change that one.
"""

import copy
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, Self, TypeVar

import httpx
from tenacity import Retrying

from strata_client import _calls, answers
from strata_client._asking import (
    DEFAULT_TIMEOUT_S,
    Published,
    SeenPositions,
    headers_of,
    is_loopback,
    knowing,
)
from strata_client._calls import MOST_LISTED, Call, Filters
from strata_client.events import Choice, EventLike, Record
from strata_client.keys import DEFAULT_TENANT
from strata_client.positions import Positions, joined, positions_of, token_of
from strata_client.publishers import Publisher
from strata_client.quick import QuickProfile, from_profile
from strata_client.retries import RetryBudget, RetryPolicy, rules

__all__ = ["CachedProfiles", "Strata"]

T = TypeVar("T")


class CachedProfiles(Protocol):
    """Where `Strata.quick_profile` looks first."""

    def read(self, tenant: str, user_id: str) -> QuickProfile | None: ...


class Strata:
    """Asks a service of Strata as one tenant, and publishes to it.

    Every method may raise a `StrataError` (see `strata_client.errors`). Reads, and publishing,
    are tried again within `retries` and `budget`. One object may be shared by threads.

    Args:
        url: Of the service.
        tenant: Whose users; with an `api_key` it must be the key's.
        api_key: As `strata keys create` printed it; sent with every request.
        timeout_s: For each attempt to get an answer.
        publisher: Where events go instead of to the service, such as
            `strata_client.kafka.KafkaPublisher`; its owner closes it.
        cache: For `quick_profile`, such as `strata_client.redis.RedisProfiles`.
        transport: Of httpx, for tests and for proxies of one's own.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8700",
        *,
        tenant: str = DEFAULT_TENANT,
        api_key: str | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        retries: RetryPolicy | None = None,
        budget: RetryBudget | None = None,
        publisher: Publisher | None = None,
        cache: CachedProfiles | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.tenant = tenant
        self._http = httpx.Client(
            base_url=url,
            headers=headers_of(tenant, api_key),
            timeout=timeout_s,
            transport=transport,
            trust_env=not is_loopback(url),
        )
        self._budget = budget or RetryBudget()
        self._rules = rules(retries or RetryPolicy(), self._budget)
        self._publisher = publisher
        self._cache = cache
        self._session: SeenPositions | None = None

    def session(self) -> "Strata":
        """A client over the same connections whose reads know what was published through it."""
        session = copy.copy(self)
        session._session = SeenPositions()  # noqa: SLF001 - it is one of these
        return session

    def close(self) -> None:
        """Close the connections, those of its sessions too."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def profile(self, user_id: str, *, at_least: str | None = None) -> answers.Profile:
        """What is known about a user; an unknown one is answered from the layers above."""
        return self._ask(knowing(_calls.profile(user_id), at_least, self._session))

    def quick_profile(self, user_id: str) -> QuickProfile:
        """The user's own layer, from the cache if it can be; else as `profile`."""
        written = self._session is not None and self._session.token is not None
        if self._cache is not None and not written:
            cached = self._cache.read(self.tenant, user_id)
            if cached is not None:
                return cached
        return from_profile(self.profile(user_id))

    def profiles(
        self, user_ids: Sequence[str], *, at_least: str | None = None
    ) -> tuple[answers.Profile, ...]:
        """Several users in the order asked, a hundred per request."""
        found: list[answers.Profile] = []
        for start in range(0, len(user_ids), MOST_LISTED):
            call = _calls.profiles(user_ids[start : start + MOST_LISTED])
            answer = self._ask(knowing(call, at_least, self._session))
            found.extend(answer.profiles)
        return tuple(found)

    def explanation(
        self,
        user_id: str,
        *,
        half_life_s: float | None = None,
        half_rank: float | None = None,
        limit: int = 10,
        at_least: str | None = None,
    ) -> answers.Explanation:
        """What each event of a user is still worth, and which items it moved them towards.

        Args:
            half_life_s, half_rank: To see what others than the service's would change.
            limit: Longest list of items, in [1, 100].
        """
        call = _calls.explanation(
            user_id, half_life_s=half_life_s, half_rank=half_rank, limit=limit
        )
        return self._ask(knowing(call, at_least, self._session))

    def rank(
        self,
        user_id: str,
        *,
        limit: int = 10,
        exclude_seen: bool = True,
        at_least: str | None = None,
    ) -> answers.Ranking:
        """Items for a user, best first, with reasons; `limit` in [1, 100]."""
        call = _calls.rank(user_id, limit=limit, exclude_seen=exclude_seen)
        return self._ask(knowing(call, at_least, self._session))

    def score(
        self,
        user_id: str,
        *,
        items: Sequence[str] = (),
        pairs: Sequence[tuple[Choice, Choice]] = (),
        at_least: str | None = None,
    ) -> answers.Scores:
        """Whether the user is for each item, and which of each pair they prefer; 100 of each."""
        call = _calls.score(user_id, items=items, pairs=pairs)
        return self._ask(knowing(call, at_least, self._session))

    def retrieve(
        self,
        user_id: str,
        query: str,
        *,
        limit: int = 10,
        filters: Filters | None = None,
        half_life_s: float | None = None,
        diversity: float = 0.3,
        at_least: str | None = None,
    ) -> answers.Retrieval:
        """Passages of the user's own documents that answer a query, best first.

        Args:
            limit: In [1, 100].
            half_life_s: Of event time before the user's newest document; None for no decay.
            diversity: In [0, 1]: from the best to what differs most from what is taken.
        """
        call = _calls.retrieve(
            user_id,
            query,
            limit=limit,
            filters=filters,
            half_life_s=half_life_s,
            diversity=diversity,
        )
        return self._ask(knowing(call, at_least, self._session))

    def context(
        self,
        user_id: str,
        *,
        token_budget: int,
        query: str | None = None,
        template: str | None = None,
        at_least: str | None = None,
    ) -> answers.Context:
        """A block of text about the user for a language model, of at most so many tokens."""
        call = _calls.context(user_id, token_budget=token_budget, query=query, template=template)
        return self._ask(knowing(call, at_least, self._session))

    def personas(self, *, limit: int = MOST_LISTED, cursor: str | None = None) -> answers.Personas:
        """One page of personas, largest first; `next_cursor` asks for the next one."""
        return self._ask(_calls.personas(limit=limit, cursor=cursor))

    def all_personas(self) -> Iterator[answers.Persona]:
        """The personas of all pages."""
        cursor = None
        while True:
            page = self.personas(cursor=cursor)
            yield from page.personas
            cursor = page.next_cursor
            if cursor is None:
                return

    def persona(self, persona_id: str) -> answers.Persona:
        """One persona; raises UnknownPersona."""
        return self._ask(_calls.persona(persona_id))

    def statistics(self, persona_id: str | None = None, *, most: int = 20) -> answers.Statistics:
        """Statistics of everybody, or of one persona; `most` items per list, in [1, 100]."""
        return self._ask(_calls.statistics(persona_id, most=most))

    def similar_items(self, item_id: str, *, limit: int = 10) -> answers.SimilarItems:
        """Items nearest to one; raises UnknownItem."""
        return self._ask(_calls.similar_items(item_id, limit=limit))

    def similar_users(
        self, user_id: str, *, limit: int = 10, at_least: str | None = None
    ) -> answers.SimilarUsers:
        """Users whose evidence points the same way."""
        call = _calls.similar_users(user_id, limit=limit)
        return self._ask(knowing(call, at_least, self._session))

    def export(self, user_id: str, *, at_least: str | None = None) -> bytes:
        """Everything that is kept of a user, as events in JSON lines."""
        return self._ask(knowing(_calls.export(user_id), at_least, self._session))

    def mine(self, user_id: str, *, at_least: str | None = None) -> answers.Mine:
        """What is kept of a user, in words for that user."""
        return self._ask(knowing(_calls.mine(user_id), at_least, self._session))

    def erase(self, user_id: str) -> answers.Erasure:
        """Have everything about a user erased; `erasure` tells how far that is."""
        return self._ask(_calls.erase(user_id))

    def erasure(self, erasure_id: str) -> answers.Erasure:
        """The receipt of an erasure, which is complete once its stage is "complete"."""
        return self._ask(_calls.erasure(erasure_id))

    def live(self) -> bool:
        """The service answers."""
        return self._ask(_calls.live())

    def ready(self) -> answers.Readiness:
        """Whether every store of the service answers."""
        return self._ask(_calls.ready())

    def publish(
        self, events: EventLike | Iterable[EventLike], *, idempotency_key: str | None = None
    ) -> Published:
        """Publish one event or several; returns when all of them are safe in Kafka.

        All are checked first, as the stream will check them. More than a request may carry go
        in several: those before one that fails are safe, and publishing all again does no harm.

        Args:
            idempotency_key: For publishing over HTTP: the same events under the same key are
                sent once, within a day. Left out, a new one guards the retries.

        Raises:
            InvalidEvents: nothing was sent.
        """
        records = _calls.records_of(
            _calls.listed(events), tenant=self.tenant, now_ms=time.time_ns() // 1_000_000
        )
        if not records:
            return Published(0, "")
        reached = self._sent(records, idempotency_key)
        return Published(len(records), token_of(reached))

    def _sent(self, records: Sequence[Record], idempotency_key: str | None) -> Positions:
        if self._publisher is not None:
            return self._noted(self._publisher.send(records))
        reached: Positions = {}
        for call in _calls.publishing(_calls.batches_of(records), idempotency_key):
            accepted = self._ask(call)
            # One by one: what was sent before a failure is the session's too.
            reached = joined(reached, self._noted(positions_of(accepted.token)))
        return reached

    def _noted(self, positions: Positions) -> Positions:
        if self._session is not None:
            self._session.add(positions)
        return positions

    def _ask(self, call: Call[T]) -> T:
        answer: T = Retrying(
            retry=self._rules.retry,
            wait=self._rules.wait,
            stop=self._rules.stop,
            reraise=True,
        )(self._try, call)
        return answer

    def _try(self, call: Call[T]) -> T:
        try:
            response = self._http.request(
                call.method,
                call.path,
                params=call.params,
                headers=call.all_headers,
                content=call.body,
            )
        except httpx.TransportError as error:
            raise _calls.unanswered(error, self._http.base_url) from error
        answer = _calls.answer_of(call, response)
        self._budget.give_back()
        return answer
