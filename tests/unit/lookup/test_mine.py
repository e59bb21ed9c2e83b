"""A person reads what is kept of them, and changes it by events."""

import json
from collections.abc import Mapping

import httpx
import pytest
from ingest_world import Publishing
from lookup_world import LIBRARY, NOON_MS, World, like

from lookup.dashboard import Dashboard
from lookup.retrieval import Retrieval
from lookup.scopes import Scope, scope_of
from profiles.documents.text_profile import LanguageShare, TermWeight, TextProfile
from profiles.privacy.data_policy import load_data_policy
from profiles.state import DataType
from schemas import decoded as events
from schemas.instants import rfc3339
from schemas.privacy_views import MineView, OwnKindView

pytestmark = pytest.mark.anyio

SAME_SITE = {"sec-fetch-site": "same-origin"}
POLICY = """
[interactions]
kept_days = 30
purposes = ["ranking"]

[attributes]
consent = "opt-out"
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def publishing() -> Publishing:
    world = World()
    for item_id, vector in LIBRARY.items():
        await world.add_item(item_id, vector)
    stated = events.Attributes(
        "default", "s1", NOON_MS - 5_000, "anna", {"country": "NL", "age": 40, "vip": False}
    )
    chosen = events.Preference(
        "default",
        "c1",
        NOON_MS - 4_000,
        "anna",
        events.Choice(item_id="moby"),
        events.Choice(text="a secret"),
    )
    await world.add_user("anna", [like("anna", "moby"), stated, chosen])
    made = Publishing(
        world,
        dashboard=Dashboard(now_ms=lambda: NOON_MS, new_id=lambda: "changed-by-anna"),
        data_policy=load_data_policy(POLICY),
    )
    await made.taken_in()
    return made


async def mine_of(publishing: Publishing, user_id: str = "anna") -> MineView:
    async with publishing.client() as client:
        return MineView.model_validate_json(
            (await client.get(f"/v1/users/{user_id}/mine")).raise_for_status().content
        )


async def kinds_of(publishing: Publishing) -> Mapping[str, OwnKindView]:
    return {kind.data_type: kind for kind in (await mine_of(publishing)).kinds}


async def send(
    publishing: Publishing, path: str, form: Mapping[str, str], *, site: Mapping[str, str]
) -> httpx.Response:
    async with publishing.client() as client:
        return await client.post(path, data=dict(form), headers=dict(site))


def published(publishing: Publishing) -> list[dict[str, object]]:
    return [json.loads(record.value) for record in publishing.log.records]


async def test_each_line_says_what_it_is_and_until_when(publishing: Publishing) -> None:
    kinds = await kinds_of(publishing)
    assert kinds.keys() == {"attributes", "documents", "interactions", "preferences"}
    (liked,) = kinds["interactions"].lines
    assert "“Moby”" in liked.text
    assert liked.kept_until == rfc3339(NOON_MS + 30 * 86_400_000)
    assert kinds["interactions"].purposes == ("ranking",)
    assert [line.text for line in kinds["preferences"].lines] == ["You chose “Moby” over a text"]
    assert {line.name: line.value for line in kinds["attributes"].lines} == {
        "country": "NL",
        "age": 40,
        "vip": False,
    }
    assert kinds["attributes"].consent_needed == "opt-out"
    assert kinds["attributes"].since == rfc3339(NOON_MS - 5_000)
    assert (kinds["documents"].lines, kinds["documents"].since) == ((), None)


async def test_what_was_worked_out_names_what_it_rests_on(publishing: Publishing) -> None:
    inferred = {one.what: one for one in (await mine_of(publishing)).inferred}
    assert inferred["you like"].rests_on == ("interactions", "preferences")
    assert "Moby" in inferred["you like"].text


WRITTEN = TextProfile(
    documents=2,
    passages=3,
    words=84,
    mean_words=42.0,
    languages=(LanguageShare("en", 0.75), LanguageShare("nl", 0.25)),
    terms=(TermWeight("hops", 3.0, 9), TermWeight("yeast", 2.0, 4)),
)


async def test_what_they_write_about_in_which_language_and_how_long_is_told_of_documents(
    publishing: Publishing, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def written(_self: Retrieval, tenant: str, user_id: str) -> TextProfile | None:
        return WRITTEN if (tenant, user_id) == ("default", "anna") else None

    monkeypatch.setattr(Retrieval, "text_profile", written)
    inferred = [
        (one.what, one.text)
        for one in (await mine_of(publishing)).inferred
        if one.rests_on == ("documents",)
    ]
    assert inferred == [
        ("which languages you write in", "en (75%), nl (25%)"),
        ("what you write about", "“hops”, “yeast”"),
        ("how long your texts are", "42 words on average"),
    ]
    async with publishing.client() as client:
        page = (await client.get("/mine", params={"user_id": "anna"})).raise_for_status().text
    assert "“hops”, “yeast”" in page


async def test_of_an_unknown_person_nothing_is_kept(publishing: Publishing) -> None:
    mine = await mine_of(publishing, "nobody")
    assert not mine.known
    assert all(not kind.lines for kind in mine.kinds)


@pytest.mark.parametrize(
    ("name", "typed", "value"), [("country", "BE", "BE"), ("age", "41", 41), ("vip", "yes", True)]
)
async def test_a_corrected_line_is_an_event_that_is_later_than_all_that_is_kept(
    publishing: Publishing, name: str, typed: str, value: object
) -> None:
    form = {"user_id": "anna", "do": "state", "line": f"attributes/{name}", "value": typed}
    answer = await send(publishing, "/mine/change", form, site=SAME_SITE)
    assert answer.status_code == 303
    (event,) = published(publishing)
    assert event["attributes"] == {name: value}
    assert event["event_id"] == "changed-by-anna"
    assert str(event["occurred_at"]) > rfc3339(NOON_MS)


async def test_a_removed_line_is_an_event_that_names_it(publishing: Publishing) -> None:
    kinds = await kinds_of(publishing)
    (liked,) = kinds["interactions"].lines
    for line in (liked.id, "attributes/country"):
        form = {"user_id": "anna", "do": "remove", "line": line}
        assert (await send(publishing, "/mine/change", form, site=SAME_SITE)).status_code == 303
    event, attribute = published(publishing)
    assert (event["type"], event["data_type"]) == ("removal", "interactions")
    assert event["removed_at"] == liked.at
    assert (attribute["data_type"], attribute["attribute"]) == ("attributes", "country")


async def test_a_kind_of_data_is_withdrawn_and_allowed_again_by_consents(
    publishing: Publishing,
) -> None:
    for word, granted in (("withdraw", False), ("grant", True)):
        form = {"user_id": "anna", "do": word, "kind": "documents"}
        assert (await send(publishing, "/mine/change", form, site=SAME_SITE)).status_code == 303
        said = published(publishing)[-1]
        assert (said["type"], said["data_type"], said["granted"]) == (
            "consent",
            DataType.DOCUMENTS,
            granted,
        )


@pytest.mark.parametrize(
    "form",
    [
        {"do": "state", "line": "attributes/age", "value": "forty"},
        {"do": "state", "line": "attributes/vip", "value": "perhaps"},
        {"do": "state", "line": "attributes/country", "value": " "},
        {"do": "state", "line": "attributes/unheard", "value": "x"},
        {"do": "withdraw", "kind": "controls"},
        {"do": "nothing"},
    ],
)
async def test_what_cannot_be_changed_is_said_and_nothing_is_published(
    publishing: Publishing, form: Mapping[str, str]
) -> None:
    answer = await send(publishing, "/mine/change", {"user_id": "anna", **form}, site=SAME_SITE)
    assert "Not changed." in answer.text
    assert published(publishing) == []


async def test_everything_is_erased_only_when_the_user_id_is_typed_again(
    publishing: Publishing,
) -> None:
    refused = await send(
        publishing, "/mine/erase", {"user_id": "anna", "sure": "ann"}, site=SAME_SITE
    )
    assert (refused.status_code, published(publishing)) == (422, [])
    await send(publishing, "/mine/erase", {"user_id": "anna", "sure": "anna"}, site=SAME_SITE)
    (event,) = published(publishing)
    assert (event["type"], event["user_id"]) == ("erasure", "anna")


@pytest.mark.parametrize("path", ["/mine/change", "/mine/erase"])
@pytest.mark.parametrize("site", [{}, {"sec-fetch-site": "cross-site"}])
async def test_a_form_of_another_site_changes_nothing(
    publishing: Publishing, path: str, site: Mapping[str, str]
) -> None:
    form = {"user_id": "anna", "sure": "anna", "do": "withdraw", "kind": "documents"}
    assert (await send(publishing, path, form, site=site)).status_code == 403
    assert published(publishing) == []


async def test_the_page_has_a_form_for_each_line_that_can_be_corrected(
    publishing: Publishing,
) -> None:
    async with publishing.client() as client:
        page = (await client.get("/mine", params={"user_id": "anna"})).raise_for_status().text
    assert "You stated that country is NL" in page
    assert page.count('value="state"') == 3
    assert "Worked out, not stated" in page


def test_reading_takes_read_changing_takes_publish_and_erasing_takes_erase() -> None:
    assert scope_of("GET", "/v1/users/anna/mine") is Scope.READ
    assert scope_of("GET", "/mine") is Scope.READ
    assert scope_of("POST", "/mine/change") is Scope.PUBLISH
    assert scope_of("POST", "/mine/erase") is Scope.ERASE
    assert scope_of("GET", "/mine/change") is Scope.ADMIN
