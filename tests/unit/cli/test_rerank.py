"""Best of n on the command line, by a service that answers what is written here."""

import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from command_line import Command
from scores_stub import scores


@pytest.fixture
def url() -> Iterator[str]:
    class Stub(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            content = json.dumps(scores(asked, absent=asked["user_id"] == "early")).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Stub) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_texts_come_best_first_with_reward_error_and_shares(url: str, strata: Command) -> None:
    outcome = strata("rerank", "ann", "poor", "good", "fair", "--url", url, "--json")
    assert outcome.code == 0, outcome.err
    ranked = json.loads(outcome.out)["texts"]
    assert [one["text"] for one in ranked] == ["good", "fair", "poor"]
    assert ranked[0]["place"] == 1
    assert ranked[0]["reward"] == pytest.approx(1.5)
    assert ranked[0]["standard_error"] == pytest.approx(0.2)
    assert ranked[0]["shares"] == {"global": 0.5, "persona": 0.0, "user": 0.5}
    table = strata("rerank", "ann", "poor", "good", "fair", "--url", url).out
    assert table.index("good") < table.index("fair") < table.index("poor")
    assert "50%" in table


def test_texts_may_come_by_line(url: str, strata: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("poor\n\ngood\n"))
    outcome = strata("rerank", "ann", "--url", url, "--json")
    assert [one["text"] for one in json.loads(outcome.out)["texts"]] == ["good", "poor"]


def test_one_text_is_wrong_use(url: str, strata: Command) -> None:
    outcome = strata("rerank", "ann", "good", "--url", url)
    assert (outcome.code, outcome.out) == (2, "")
    assert "2 to 14 texts" in outcome.err


def test_without_a_model_the_command_says_so(url: str, strata: Command) -> None:
    outcome = strata("rerank", "early", "good", "poor", "--url", url)
    assert (outcome.code, outcome.err) == (1, "strata: no choices yet\n")
