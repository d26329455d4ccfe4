import json
from datetime import date

import pytest

from domain.answers import (
    Answer,
    AnswerSentence,
    Citation,
    CitedAnswer,
    EventDate,
    Evidence,
    PromptUsed,
    Question,
    Refusal,
    RefusalReason,
    TimeScope,
    Trace,
    WithheldSentence,
)
from domain.corpus import Citable, DocumentHeader, Passage, RankedPassage, Span
from domain.events import AnswerEvent, Done, EvidenceChosen, PassagesFound, SentenceVerified, Understood
from service.rendering import answer_body, event_body, header_body, scope_body, sentence_body, source_url

TEXT = "The bridge opens in May. Cars pay a toll."
HEADER = DocumentHeader(
    document_id="news/1",
    version=2,
    content_sha256="abc",
    source_uri="file:///news/1.txt",
    title="Bridge",
    publisher="Harbour Gazette",
    published=date(2025, 3, 4),
    place="ORRIN",
    language="en",
)
COPY = DocumentHeader(document_id="copy", version=1, content_sha256="abc", source_uri="file:///copy.txt")
PASSAGE = Passage(
    passage_id="p1",
    document_id="news/1",
    version=2,
    ordinal=3,
    span=Span(start=100, end=141),
    text=TEXT,
    sentences=(Span(start=100, end=124), Span(start=125, end=141)),
    heading="Transport",
    page=7,
)
RANKED = RankedPassage(citable=Citable(passage=PASSAGE, header=HEADER), rank=1, score=0.123456789, copies=(COPY,))
FIRST = Evidence(
    evidence_id="E1",
    citable=RANKED.citable,
    span=PASSAGE.sentences[0],
    score=0.98765,
    speaker="The mayor",
    copies=(COPY,),
)
SECOND = Evidence(evidence_id="E2", citable=RANKED.citable, span=PASSAGE.sentences[1], score=0.5)
SENTENCE = AnswerSentence(
    text="It opens in May, for a toll.",
    citations=(
        Citation.to(
            FIRST,
            mark=1,
            support=0.912345,
            event_dates=(EventDate(span=Span(start=117, end=123), first=date(2025, 5, 1), last=date(2025, 5, 31)),),
        ),
        Citation.to(SECOND, mark=2, support=1.0),
    ),
)
SCOPE = TimeScope(as_of=date(2025, 3, 5), publisher="Harbour Gazette")

MAY = [{"start": 117, "end": 123, "first": "2025-05-01", "last": "2025-05-31"}]
COPIES = [
    {
        "document_id": "copy",
        "version": 1,
        "title": None,
        "publisher": None,
        "published": None,
        "url": "/sources/copy?version=1",
    }
]
SOURCE = {
    "document_id": "news/1",
    "version": 2,
    "passage_id": "p1",
    "title": "Bridge",
    "publisher": "Harbour Gazette",
    "published": "2025-03-04",
    "place": "ORRIN",
}
FIRST_PLACE = SOURCE | {
    "start": 100,
    "end": 124,
    "quote": "The bridge opens in May.",
    "url": "/sources/news%2F1?version=2&start=100&end=124#quote",
}
SECOND_PLACE = SOURCE | {
    "start": 125,
    "end": 141,
    "quote": "Cars pay a toll.",
    "url": "/sources/news%2F1?version=2&start=125&end=141#quote",
}
PASSAGE_BODY = SOURCE | {
    "rank": 1,
    "score": 0.123457,
    "start": 100,
    "end": 141,
    "quote": TEXT,
    "url": "/sources/news%2F1?version=2&start=100&end=141#quote",
    "heading": "Transport",
    "page": 7,
    "copies": COPIES,
}
SENTENCE_BODY = {
    "text": "It opens in May, for a toll.",
    "citations": [
        FIRST_PLACE | {"mark": 1, "speaker": "The mayor", "support": 0.9123, "event_dates": MAY, "copies": COPIES},
        SECOND_PLACE | {"mark": 2, "speaker": None, "support": 1.0, "event_dates": [], "copies": []},
    ],
}
EVIDENCE_BODY = [
    FIRST_PLACE | {"evidence_id": "E1", "score": 0.9877, "speaker": "The mayor", "copies": COPIES},
    SECOND_PLACE | {"evidence_id": "E2", "score": 0.5, "speaker": None, "copies": []},
]
SCOPE_BODY = {"as_of": "2025-03-05", "from": None, "to": None, "publisher": "Harbour Gazette"}
TRACE_BODY = {
    "stand_alone_question": "When does the bridge open?",
    "time_scope": SCOPE_BODY,
    "passages": [PASSAGE_BODY],
    "evidence": EVIDENCE_BODY,
    "answerability": 0.8125,
    "signals": {"near": 0.6543, "span": 0.0},
    "prompt": {
        "name": "answer",
        "version": 1,
        "digest": "d1",
        "parts": {"instructions": 800, "E1": 24, "question": 26},
    },
    "model": "local:small",
    "usage": {"prompt_tokens": 70, "completion_tokens": 7},
    "notes": ["The model was slow."],
    "timings_ms": {"retrieve": 1.23, "total": 4.57},
}


def answered() -> CitedAnswer:
    """A small answer with all that an answer can hold."""
    return CitedAnswer(
        answer_id="ans_1",
        question=Question(text="And the bridge?"),
        mode="model",
        sentences=(SENTENCE, AnswerSentence(text="Cars pay.", citations=SENTENCE.citations[1:])),
        withheld=(WithheldSentence(text="It opens in June.", reason="number_not_in_source"),),
        trace=Trace(
            stand_alone_question="When does the bridge open?",
            scope=SCOPE,
            passages=(RANKED,),
            evidence=(FIRST, SECOND),
            prompt=PromptUsed(
                name="answer", version=1, digest="d1", parts={"instructions": 800, "E1": 24, "question": 26}
            ),
            model="local:small",
            answerability=0.8125,
            signals={"near": 0.654321, "span": 0.0},
            prompt_tokens=70,
            completion_tokens=7,
            notes=("The model was slow.",),
            timings_ms={"retrieve": 1.2345, "total": 4.5678},
        ),
    )


def refused() -> Refusal:
    """A refusal without a model, offering one passage."""
    whole = Evidence(evidence_id="N1", citable=RANKED.citable, span=PASSAGE.span, score=0.0)
    return Refusal(
        answer_id="ans_2",
        question=Question(text="Who paid?"),
        reason=RefusalReason.NOT_ANSWERED_BY_THE_RECORD,
        message="The record does not say.",
        nearest=(Citation.to(whole, mark=1, support=0.0),),
        trace=Trace(stand_alone_question="Who paid?", scope=TimeScope()),
    )


def test_an_answer_is_rendered_whole() -> None:
    """Every field of the published form, in one value; offsets are those of the document."""
    assert answer_body(answered()) == {
        "id": "ans_1",
        "kind": "answer",
        "mode": "model",
        "question": "And the bridge?",
        "text": "It opens in May, for a toll. [1] [2] Cars pay. [2]",
        "sentences": [
            SENTENCE_BODY,
            {
                "text": "Cars pay.",
                "citations": [
                    SECOND_PLACE | {"mark": 2, "speaker": None, "support": 1.0, "event_dates": [], "copies": []}
                ],
            },
        ],
        "withheld": [{"text": "It opens in June.", "reason": "number_not_in_source"}],
        "superseded": [],
        "conflicts": [],
        "refusal": None,
        "clarification": None,
        "trace": TRACE_BODY,
    }


def test_a_refusal_is_rendered_whole() -> None:
    """The same fields as an answer, so that a client reads both alike."""
    body = answer_body(refused())

    assert body == {
        "id": "ans_2",
        "kind": "refusal",
        "mode": None,
        "question": "Who paid?",
        "text": "The record does not say.",
        "sentences": [],
        "withheld": [],
        "superseded": [],
        "conflicts": [],
        "refusal": {
            "reason": "not_answered_by_the_record",
            "message": "The record does not say.",
            "nearest": [
                SOURCE
                | {
                    "mark": 1,
                    "start": 100,
                    "end": 141,
                    "quote": TEXT,
                    "url": "/sources/news%2F1?version=2&start=100&end=141#quote",
                    "speaker": None,
                    "support": 0.0,
                    "event_dates": [],
                    "copies": [],
                }
            ],
        },
        "clarification": None,
        "trace": {
            "stand_alone_question": "Who paid?",
            "time_scope": {"as_of": None, "from": None, "to": None, "publisher": None},
            "passages": [],
            "evidence": [],
            "answerability": None,
            "signals": {},
            "prompt": None,
            "model": None,
            "usage": {"prompt_tokens": 0, "completion_tokens": 0},
            "notes": [],
            "timings_ms": {},
        },
    }
    assert list(body) == list(answer_body(answered()))


@pytest.mark.parametrize(
    ("event", "name", "data"),
    [
        (
            Understood(stand_alone_question="When does the bridge open?", scope=SCOPE),
            "understood",
            {"stand_alone_question": "When does the bridge open?", "time_scope": SCOPE_BODY},
        ),
        (PassagesFound(passages=(RANKED,)), "passages", {"passages": [PASSAGE_BODY]}),
        (EvidenceChosen(evidence=(FIRST, SECOND)), "evidence", {"evidence": EVIDENCE_BODY}),
        (SentenceVerified(sentence=SENTENCE), "sentence", SENTENCE_BODY),
        (Done(answer=answered()), "done", answer_body(answered())),
    ],
)
def test_each_event_has_its_name_and_its_data(event: AnswerEvent, name: str, data: dict[str, object]) -> None:
    """The five names of the design; `done` carries the answer exactly as the unstreamed response does."""
    assert event_body(event) == (name, data)


@pytest.mark.parametrize("answer", [answered(), refused()])
def test_what_is_rendered_is_json(answer: Answer) -> None:
    """Nothing but JSON values: it comes back as it was sent."""
    body = answer_body(answer)

    assert json.loads(json.dumps(body, allow_nan=False)) == body


def test_sentences_of_the_stream_are_those_of_the_answer() -> None:
    """Streamed and unstreamed answers are the same."""
    answer = answered()

    assert [sentence_body(sentence) for sentence in answer.sentences] == answer_body(answer)["sentences"]


def test_a_header_is_rendered_whole() -> None:
    assert header_body(HEADER) == {
        "document_id": "news/1",
        "version": 2,
        "title": "Bridge",
        "publisher": "Harbour Gazette",
        "published": "2025-03-04",
        "place": "ORRIN",
        "language": "en",
        "media_type": "text/plain",
        "source_uri": "file:///news/1.txt",
        "content_sha256": "abc",
        "duplicate_of": None,
        "duplicate_kind": None,
        "similarity": None,
        "url": "/sources/news%2F1?version=2",
    }


def test_a_scope_is_rendered_under_the_names_of_the_request() -> None:
    scope = TimeScope(published_from=date(2025, 1, 2), published_to=date(2025, 3, 4))

    assert scope_body(scope) == {"as_of": None, "from": "2025-01-02", "to": "2025-03-04", "publisher": None}


def test_a_source_address_holds_any_document_id() -> None:
    """Slashes, spaces, marks of a query and letters of any script stay inside the path's last part."""
    header = DocumentHeader(document_id="ø/a b?c#d&e", version=1, content_sha256="", source_uri="file:///x")

    assert source_url(header) == "/sources/%C3%B8%2Fa%20b%3Fc%23d%26e?version=1"
