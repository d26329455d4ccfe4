"""What responses look like, for the description of the interface; handlers return JSON that a test holds to this."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from domain.answers import RefusalReason
from domain.feedback import Verdict

Day = Annotated[str, Field(json_schema_extra={"format": "date"})]
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Count = Annotated[int, Field(ge=0)]
Number = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Duplicate = Literal["exact", "near"]


class SpanBody(BaseModel):
    """Code points of a document's text."""

    start: Count
    end: Count


class ScopeBody(BaseModel):
    """Which documents may answer."""

    as_of: Day | None
    from_: Day | None = Field(alias="from")
    to: Day | None
    publisher: str | None


class CopyBody(BaseModel):
    """Another document with the same words."""

    document_id: str
    version: Number
    title: str | None
    publisher: str | None
    published: Day | None
    url: str


class WordsBody(SpanBody):
    """Words of a document, by what and where they are: `text[start:end] == quote`."""

    document_id: str
    version: Number
    passage_id: str
    quote: str
    title: str | None
    publisher: str | None
    published: Day | None
    place: str | None
    url: str
    copies: list[CopyBody]


class EventDateBody(SpanBody):
    """Days that a quote speaks of, and the words that say so."""

    first: Day
    last: Day


class CitationBody(WordsBody):
    """Words that an answer cites."""

    mark: Number
    speaker: str | None
    support: Share
    event_dates: list[EventDateBody]


class PassageBody(WordsBody):
    """A passage that was found."""

    rank: Number
    score: float
    heading: str | None
    page: int | None


class EvidenceBody(WordsBody):
    """A sentence that was shown to the writer."""

    evidence_id: str
    score: float
    speaker: str | None


class SentenceBody(BaseModel):
    """A sentence with the quotes that support it."""

    text: str
    citations: list[CitationBody] = Field(min_length=1)


class WithheldBody(BaseModel):
    """A sentence that was written and is not shown."""

    text: str
    reason: str


class SupersededBody(BaseModel):
    """What the record said before, and says now."""

    was: str
    now: str
    replaced: CitationBody
    by: CitationBody


class SideBody(BaseModel):
    """One thing that sources say."""

    value: str
    citations: list[CitationBody]


class ConflictBody(BaseModel):
    """Things that sources say of the same."""

    sides: list[SideBody] = Field(min_length=2)


class RefusalBody(BaseModel):
    """Why the record does not answer."""

    reason: RefusalReason
    message: str
    nearest: list[CitationBody]


class OptionBody(BaseModel):
    """One thing that the question may mean."""

    text: str
    citation: CitationBody


class ClarificationBody(BaseModel):
    """A question back."""

    question: str
    options: list[OptionBody] = Field(min_length=2)


class PromptBody(BaseModel):
    """The released prompt that was rendered, and characters by part."""

    name: str
    version: Number
    digest: str
    parts: dict[str, int]


class UsageBody(BaseModel):
    """Tokens that a model read and wrote."""

    prompt_tokens: Count
    completion_tokens: Count


class ShortTraceBody(BaseModel):
    """How an answer came about, without what was found."""

    stand_alone_question: str
    time_scope: ScopeBody
    answerability: Share | None
    signals: dict[str, float]
    prompt: PromptBody | None
    model: str | None
    usage: UsageBody
    notes: list[str]
    timings_ms: dict[str, float]


class TraceBody(ShortTraceBody):
    """How an answer came about."""

    passages: list[PassageBody]
    evidence: list[EvidenceBody]


class ShortAnswerBody(BaseModel):
    """A cited answer, a refusal, or a question back, without what was found."""

    id: str
    kind: Literal["answer", "refusal", "clarification"]
    mode: Literal["extractive", "model"] | None
    question: str
    text: str
    sentences: list[SentenceBody]
    withheld: list[WithheldBody]
    superseded: list[SupersededBody]
    conflicts: list[ConflictBody]
    refusal: RefusalBody | None
    clarification: ClarificationBody | None
    trace: ShortTraceBody


class AnswerBody(ShortAnswerBody):
    """A cited answer, a refusal, or a question back."""

    trace: TraceBody


class AnswerLinkBody(BaseModel):
    """An answer that was given, and the page that shows it."""

    id: str
    question: str
    url: str


class AnswersBody(BaseModel):
    """Answers that cite a document, newest first."""

    answers: list[AnswerLinkBody]


class SearchBody(BaseModel):
    """The nearest passages, best first."""

    query: str
    time_scope: ScopeBody
    passages: list[PassageBody]


class StandingBody(BaseModel):
    """How the words of a citation stand in the record as it now is."""

    mark: Number
    document_id: str
    version: Number
    quote: str | None
    status: Literal["unchanged", "moved", "changed", "deleted", "never_there"]
    current_version: Number | None
    start: Count | None
    end: Count | None
    url: str | None


class VerifyBody(BaseModel):
    """Whether everything that an answer cites still stands."""

    answer_id: str | None
    stands: bool
    citations: list[StandingBody]


class PlaceBody(SpanBody):
    """Words of a document, by where they stand."""

    document_id: str
    version: Number


class FeedbackBody(BaseModel):
    """What a reader says of an answer."""

    feedback_id: str
    created: Time
    answer_id: str
    verdict: Verdict
    sentence: Count | None
    comment: str | None
    expected: str | None
    place: PlaceBody | None
    question: str | None
    text: str | None
    withdrawn: bool


class FeedbackListBody(BaseModel):
    """A page of feedback, newest first."""

    total: Count
    limit: Number
    offset: Count
    feedback: list[FeedbackBody]


class HeaderBody(BaseModel):
    """What is known of a document."""

    document_id: str
    version: Number
    title: str | None
    publisher: str | None
    published: Day | None
    place: str | None
    language: str | None
    media_type: str
    source_uri: str
    content_sha256: str
    duplicate_of: str | None
    duplicate_kind: Duplicate | None
    similarity: Share | None
    url: str


class ListedDocumentBody(HeaderBody):
    """A document of a list, with how it begins."""

    opening: str


class DocumentListBody(BaseModel):
    """A page of documents, newest publication first."""

    total: Count
    limit: Number
    offset: Count
    time_scope: ScopeBody
    documents: list[ListedDocumentBody]


class DocumentPassageBody(SpanBody):
    """A passage of a document with its sentences."""

    passage_id: str
    heading: str | None
    page: int | None
    sentences: list[SpanBody]


class VersionBody(BaseModel):
    """One of a document's versions."""

    version: Number
    title: str | None
    published: Day | None
    content_sha256: str
    url: str


class DocumentBody(HeaderBody):
    """A document with its text, to which all offsets refer."""

    text: str
    pages: list[SpanBody]
    passages: list[DocumentPassageBody]
    versions: list[VersionBody]


class ProgressBody(BaseModel):
    """How far a running job is."""

    done: Count
    total: Count | None
    passages: Count


class JobDocumentBody(BaseModel):
    """A document that a job made or found."""

    document_id: str
    url: str


class FailureBody(BaseModel):
    """A source that could not be read."""

    uri: str
    reason: str
    message: str


class ReasonBody(BaseModel):
    """Why a job failed."""

    code: str
    message: str


class JobBody(BaseModel):
    """A job that reads what was sent, or purges."""

    job_id: str
    state: Literal["queued", "running", "done", "failed", "interrupted"]
    source: str
    created: Time
    finished: Time | None
    progress: ProgressBody | None
    documents: list[JobDocumentBody]
    added: Count
    updated: Count
    unchanged: Count
    failures: list[FailureBody]
    notes: list[str]
    reason: ReasonBody | None


class JobListBody(BaseModel):
    """The last jobs, newest first."""

    jobs: list[JobBody]


class RecordBody(BaseModel):
    """What the record holds, in brief."""

    documents: Count
    passages: Count
    newest: Day | None
    publishers: list[str]
    suggestions: list[str]
    chat_model: str | None
    takes_documents: bool


class RootBody(BaseModel):
    """What this is."""

    name: Literal["dateline"]
    version: str
    routes: list[str]


class HealthBody(BaseModel):
    """The process lives."""

    status: Literal["alive"]


class IndexBody(BaseModel):
    """How the indexes stand."""

    state: Literal["ready", "checking", "rebuilding", "exact"]
    generation: int | None
    indexed: Count
    words: Count


class ReadinessBody(BaseModel):
    """What the service can do; where keys are asked for, what the record holds is left out."""

    ready: bool
    reason: str | None
    missing: list[Literal["models", "index"]]
    index: IndexBody | None = None
    documents: Count = 0
    passages: Count = 0
    chat_model: str | None = None
    encoder: str = ""


class CollectionBody(BaseModel):
    """A record of its own, and where it stands."""

    name: str
    url: str


class CollectionListBody(BaseModel):
    """The collections that a key opens."""

    collections: list[CollectionBody]


class RunFigureBody(BaseModel):
    """A headline figure of a run."""

    title: str
    value: str


class RunBody(BaseModel):
    """A run of the evaluation; `fault` says why one cannot be shown."""

    name: str
    started: str
    data_sets: list[str]
    systems: list[str]
    cases: Count
    figures: list[RunFigureBody]
    fault: str
    url: str


class RunListBody(BaseModel):
    """The runs of the evaluation that the server shows, newest first."""

    runs: list[RunBody]
