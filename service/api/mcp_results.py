"""What the tools for agents return: parts of the bodies that HTTP returns, described for whoever reads the schemas."""

from typing import Literal

from pydantic import BaseModel, Field


class _Header(BaseModel):
    document_id: str
    version: int
    title: str | None
    publisher: str | None
    published: str | None = Field(description="Day of publication, YYYY-MM-DD.")
    url: str = Field(description="Path of the readable page on the server.")


class _Place(_Header):
    passage_id: str
    start: int = Field(description="Where the quote begins in the document's text, in Unicode code points.")
    end: int = Field(description="Where it ends, exclusive.")
    quote: str = Field(description="Verbatim: exactly the characters from start to end.")
    place: str | None
    copies: list[_Header] = Field(description="Other documents with the same words.")


class _EventDate(BaseModel):
    start: int
    end: int
    first: str
    last: str


class _Citation(_Place):
    mark: int = Field(description="The number in the text, [1].")
    speaker: str | None = Field(description="Whom the document names as saying it; null for its own voice.")
    support: float = Field(description="How sure it is that the quotes support the sentence, 0 to 1.")
    event_dates: list[_EventDate] = Field(description="The days that the quote speaks of: first to last.")


class _Sentence(BaseModel):
    text: str
    citations: list[_Citation]


class _Withheld(BaseModel):
    text: str
    reason: str


class _Superseded(BaseModel):
    was: str
    now: str
    replaced: _Citation
    by: _Citation


class _Side(BaseModel):
    value: str
    citations: list[_Citation]


class _Conflict(BaseModel):
    sides: list[_Side]


class _Refused(BaseModel):
    reason: str
    message: str
    nearest: list[_Citation] = Field(description="The closest passages; they do not answer the question.")


class _Option(BaseModel):
    text: str
    citation: _Citation


class _AskedBack(BaseModel):
    question: str
    options: list[_Option]


class _Scope(BaseModel):
    as_of: str | None
    from_: str | None = Field(alias="from")
    to: str | None
    publisher: str | None


class _Way(BaseModel):
    stand_alone_question: str = Field(description="What was searched for, after a follow-up was completed.")
    time_scope: _Scope
    model: str | None = Field(description="Who wrote the sentences; null where they are the quotes.")
    notes: list[str] = Field(description="What the reader should know of how it went.")


class AskResult(BaseModel):
    """An answer, as `/v1/ask` returns it, without the bulk of its trace."""

    id: str
    kind: Literal["answer", "refusal", "clarification"]
    mode: Literal["extractive", "model"] | None
    question: str
    text: str = Field(description="The answer with its marks, why there is none, or the question back.")
    sentences: list[_Sentence] = Field(description="The answer sentence by sentence, each with its quotes.")
    withheld: list[_Withheld] = Field(description="Sentences that the record does not support: not part of the answer.")
    superseded: list[_Superseded] = Field(description="What the record said before, and what holds now.")
    conflicts: list[_Conflict] = Field(description="What the sources disagree on.")
    refusal: _Refused | None
    clarification: _AskedBack | None
    trace: _Way


class _Passage(_Place):
    rank: int
    score: float
    heading: str | None
    page: int | None


class SearchResult(BaseModel):
    """Passages, as `/v1/search` returns them."""

    query: str
    time_scope: _Scope
    passages: list[_Passage] = Field(description="Best first.")


class _Version(BaseModel):
    version: int
    title: str | None
    published: str | None
    content_sha256: str
    url: str


class SourceResult(_Header):
    """Part of a document's text, and what is known of the document."""

    place: str | None
    language: str | None
    source_uri: str | None = Field(description="The address that it was fetched from; null for a file.")
    characters: int = Field(description="Length of the whole text, in Unicode code points.")
    start: int = Field(description="Where the text returned here begins in the whole.")
    end: int = Field(description="Where it ends, exclusive.")
    text: str = Field(description="Verbatim: exactly the characters from start to end.")
    quote: str | None = Field(description="Exactly the characters that start and end asked for, as far as shown.")
    next_start: int | None = Field(description="Ask again with this start to read on; null at the end.")
    versions: list[_Version] = Field(description="All kept versions, oldest first.")
