import json
import sys
from pathlib import Path

import httpx
import pytest

from domain.answers import TimeScope
from domain.errors import ConfigurationError
from eval.cases import Case
from eval.data_sets import DataSet
from eval.outcomes import Found, Outcome, Quote, Sentence
from eval.runner import asked
from eval.systems import SYSTEMS, open_system, open_systems
from eval.systems.answer_json import outcome_of_json, question_body
from eval.systems.chat import says_dont_know, told
from eval.systems.closed_book import ClosedBookSystem
from eval.systems.openai_compatible import OpenAiCompatibleSystem
from eval.systems.plain_rag import PlainRagSystem
from eval.systems.rankings import deep_enough
from eval.systems.trec_run import TrecRunSystem, trec_set
from tests.support.chat_endpoint import chat_endpoint, says
from tests.support.data_sets import surroundings_in

CASE = Case(case_id="c1", question="Why?", answers=("because",))
EMPTY_SET = DataSet(name="none", corpus=None, cases=(CASE,))
ANSWER = {
    "kind": "answer",
    "sentences": [{"text": "It was.", "citations": [{"document_id": "doc_1", "quote": "was", "support": 0.9}]}],
    "trace": {"usage": {"prompt_tokens": 7, "completion_tokens": 2}, "timings_ms": {"write": 5.0}},
}


def test_every_system_of_the_issue_is_in_the_table() -> None:
    names = "dateline bm25 dense rrf fusion reader closed-book plain-rag openai-compatible command".split()

    assert list(SYSTEMS) == names


def test_system_can_be_given_a_name(tmp_path: Path) -> None:
    system = open_system(f"peer=command:{sys.executable} -c 'x=1'", surroundings_in(tmp_path))

    assert system.name == "peer"
    assert system.details["command"] == f"{sys.executable} -c x=1"


@pytest.mark.parametrize(
    ("wanted", "named"),
    [
        ("bm52", "no system 'bm52'"),
        ("dateline:loud", "'loud' is not a mode"),
        ("bm25:x", "takes nothing after its name"),
        ("command:no-such-program-anywhere", "no program 'no-such-program-anywhere'"),
        ("command:", "no program ''"),
        ("openai-compatible:localhost", "not the address of a server"),
    ],
)
def test_system_that_cannot_be_is_told(tmp_path: Path, wanted: str, named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        open_system(wanted, surroundings_in(tmp_path))


def test_two_systems_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Two systems are called 'bm25'"):
        open_systems(["bm25", "bm25"], surroundings_in(tmp_path))


def test_writers_need_a_chat_model(tmp_path: Path) -> None:
    for wanted in ("closed-book", "dateline:model"):
        with pytest.raises(ConfigurationError, match=f"{wanted}.*needs a chat model"):
            open_system(wanted, surroundings_in(tmp_path)).details  # noqa: B018  - the property raises


def test_plain_rag_without_its_packages_says_how_to_get_them(tmp_path: Path) -> None:
    surroundings = surroundings_in(tmp_path)

    with pytest.raises(ConfigurationError, match="not installed: no_such_package") as raised:
        PlainRagSystem(
            name="plain-rag",
            settings=surroundings.settings,
            records=surroundings.records,
            packages=["no_such_package"],
        )

    assert "dateline[bench]" in raised.value.hint


def test_closed_book_asks_the_configured_model_without_passages(tmp_path: Path) -> None:
    with chat_endpoint(says("Because it rained.")) as endpoint:
        settings = surroundings_in(tmp_path).settings
        chat = settings.chat.model_copy(update={"model": "openai:scripted", "base_url": endpoint.base_url})
        system = ClosedBookSystem(name="closed-book", settings=settings.model_copy(update={"chat": chat}))
        system.prepare(EMPTY_SET)
        outcome = system.run(CASE)
        system.close()

    assert (outcome.status, outcome.text, outcome.prompt_tokens) == ("answered", "Because it rained.", 11)
    assert "Question: Why?" in endpoint.requests[-1]["messages"][0]["content"]


def test_a_system_sees_the_question_and_nothing_of_the_right_outcome() -> None:
    """Everything else has the value that a case has by itself."""
    scope = TimeScope(publisher="Coast Wire")
    full = Case(
        case_id="c1", question="Why?", answers=("a",), answerable=False, kind="k", scope=scope, forbidden=("b",)
    )

    assert asked(full) == Case(case_id="c1", question="Why?", scope=scope)


def test_ranking_is_kept_as_deep_as_metrics_look() -> None:
    """Depth 2: passages `one` and `two`, both of a; then b for its document, though its words were seen; no c."""
    ranking = [
        Found(doc_id=doc_id, text=text, score=0.0)
        for doc_id, text in (("a", "one"), ("a", "One "), ("a", "two"), ("a", "three"), ("b", "one"), ("c", "four"))
    ]

    kept = deep_enough(ranking, depth=2)

    assert [(one.doc_id, one.text) for one in kept] == [("a", "one"), ("a", "two"), ("b", "one")]


@pytest.mark.parametrize(
    "text",
    [
        "I don't know.",
        "I don’t know the answer to that.",
        "Sorry, I do not know.",
        "The context does not mention the minister.",
        "There is no information about this.",
        "I cannot answer the question from the context. Perhaps later.",
    ],
)
def test_saying_that_one_does_not_know_is_a_refusal(text: str) -> None:
    assert says_dont_know(text)


@pytest.mark.parametrize(
    "text", ["The minister opened it.", "It was Monday. I don't know more.", "He said he did not know.", "No."]
)
def test_an_answer_is_no_refusal(text: str) -> None:
    assert not says_dont_know(text)


def test_told_text_becomes_sentences_without_quotes() -> None:
    outcome = told(" It rained. It was cold! ", timings_ms={"total": 1.23456}, completion_tokens=6)

    assert outcome == Outcome(
        status="answered",
        text="It rained. It was cold!",
        mode="model",
        sentences=(Sentence(text="It rained."), Sentence(text="It was cold!")),
        timings_ms={"total": 1.235},
        completion_tokens=6,
    )


def test_answer_json_becomes_an_outcome_under_the_sets_ids() -> None:
    outcome = outcome_of_json(json.dumps(ANSWER), doc_ids={"doc_1": "wire/1"}, total_ms=12.0)

    assert outcome == Outcome(
        status="answered",
        text="It was.",
        sentences=(Sentence(text="It was.", quotes=(Quote(doc_id="wire/1", text="was", verbatim=None, support=0.9),)),),
        timings_ms={"write": 5.0, "total": 12.0},
        prompt_tokens=7,
        completion_tokens=2,
    )


def test_refusal_json_keeps_its_reason() -> None:
    body = {"kind": "refusal", "text": "Nothing.", "refusal": {"reason": "no_document", "message": "Nothing."}}

    outcome = outcome_of_json(json.dumps(body), doc_ids={}, total_ms=1.0)

    assert (outcome.status, outcome.text, outcome.refusal_reason) == ("refused", "", "no_document")


@pytest.mark.parametrize(
    "text", ["", "42", "{}", '{"kind": "answer"}', '{"kind": "answer", "sentences": [{"text": 5}]}']
)
def test_nonsense_is_no_answer(text: str) -> None:
    with pytest.raises(ValueError, match="The reply is not an answer"):
        outcome_of_json(text, doc_ids={}, total_ms=1.0)


def test_question_for_a_program_has_no_answers() -> None:
    assert question_body(CASE, data_set="wire") == {"question": "Why?", "history": [], "data_set": "wire"}


def program(tmp_path: Path, code: str) -> str:
    script = tmp_path / "program.py"
    script.write_text(code, "utf-8")
    return f"command:{sys.executable} {script}"


def test_program_that_fails_is_told_with_what_it_said(tmp_path: Path) -> None:
    system = open_system(program(tmp_path, "import sys; sys.exit('out of paper')"), surroundings_in(tmp_path))
    system.prepare(EMPTY_SET)

    with pytest.raises(RuntimeError, match="ended with 1: out of paper"):
        system.run(CASE)


def test_program_that_hangs_is_killed(tmp_path: Path) -> None:
    surroundings = surroundings_in(tmp_path)
    chat = surroundings.settings.chat.model_copy(update={"timeout_s": 0.3})
    quick = surroundings.settings.model_copy(update={"chat": chat})
    surroundings = type(surroundings)(settings=quick, records=surroundings.records)
    system = open_system(program(tmp_path, "import time; time.sleep(60)"), surroundings)
    system.prepare(EMPTY_SET)

    with pytest.raises(TimeoutError, match=r"longer than 0\.3 s"):
        system.run(CASE)


def test_streamed_reply_is_put_together() -> None:
    events = [
        {"choices": [{"delta": {"role": "assistant", "content": ""}}]},
        {"choices": [{"delta": {"content": "It "}}]},
        {"choices": [{"delta": {"content": "rained."}}], "usage": None},
        {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 3}},
    ]
    stream = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"

    def serve(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/models":
            return httpx.Response(200, json={"data": [{"id": "first"}]})
        assert json.loads(request.content)["model"] == "first"
        return httpx.Response(200, text=stream, headers={"content-type": "text/event-stream"})

    ticks = iter(range(100))
    system = OpenAiCompatibleSystem(
        name="peer",
        address="http://peer.test/v1",
        timeout_s=60,
        client=httpx.Client(transport=httpx.MockTransport(serve)),
        clock=lambda: float(next(ticks)),
    )
    system.prepare(EMPTY_SET)

    outcome = system.run(CASE)

    assert (outcome.status, outcome.text, outcome.prompt_tokens, outcome.completion_tokens) == (
        "answered",
        "It rained.",
        9,
        3,
    )
    assert 0 < outcome.timings_ms["first_words"] < outcome.timings_ms["total"]


def test_server_that_does_not_stream_is_read_too() -> None:
    reply = {"choices": [{"message": {"content": "I don't know."}}], "usage": {"prompt_tokens": 4}}
    client = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, json=reply)))
    system = OpenAiCompatibleSystem(name="peer", address="http://peer.test/v1#m", timeout_s=60, client=client)
    system.prepare(EMPTY_SET)

    assert system.run(CASE).status == "refused"


def test_trec_run_is_ordered_by_score_then_by_later_name(tmp_path: Path) -> None:
    run = tmp_path / "bm25.run"
    run.write_text("1 Q0 a 1 0.5 mine\n1 Q0 b 2 0.5 mine\n1 Q0 c 3 0.9 mine\n", "utf-8")
    qrels = tmp_path / "qrels.txt"
    qrels.write_text("1 0 c 1\n2 0 a 1\n", "utf-8")

    system, data_set = TrecRunSystem(run), trec_set(qrels)

    assert system.name == "mine"
    assert [one.doc_id for one in system.run(data_set.cases[0]).found] == ["c", "b", "a"]
    assert system.run(data_set.cases[1]) == Outcome(status="retrieved")


def test_bad_line_of_a_trec_run_is_told(tmp_path: Path) -> None:
    run = tmp_path / "bm25.run"
    run.write_text("1 Q0 a 1 0.5 mine\n1 Q0 b two\n", "utf-8")

    with pytest.raises(ConfigurationError, match="line 2"):
        TrecRunSystem(run)
