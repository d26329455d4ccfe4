"""What replies in OpenAI's form look like, for the description; see `service/api/response_schemas.py`."""

from typing import Any, Literal

from pydantic import BaseModel

from service.api.response_schemas import Count, ShortAnswerBody


class ModelBody(BaseModel):
    """A way of answering."""

    id: str
    object: Literal["model"]
    created: Count
    owned_by: str


class ModelListBody(BaseModel):
    """The models offered."""

    object: Literal["list"]
    data: list[ModelBody]


class UrlCitationBody(BaseModel):
    """A cited sentence, in code points of the text, and where its quote can be read."""

    start_index: Count
    end_index: Count
    url: str
    title: str


class ChatAnnotationBody(BaseModel):
    """A citation of a message."""

    type: Literal["url_citation"]
    url_citation: UrlCitationBody


class ChatMessageBody(BaseModel):
    """What is answered."""

    role: Literal["assistant"]
    content: str
    refusal: None
    annotations: list[ChatAnnotationBody]


class ChoiceBody(BaseModel):
    """The one choice that there is."""

    index: Count
    message: ChatMessageBody
    logprobs: None
    finish_reason: Literal["stop"]


class ChatUsageBody(BaseModel):
    """Tokens that a chat model read and wrote."""

    prompt_tokens: Count
    completion_tokens: Count
    total_tokens: Count


class ChatCompletionBody(BaseModel):
    """An answer as a chat completion; `dateline` is the answer as `POST /v1/ask` gives it."""

    id: str
    object: Literal["chat.completion"]
    created: Count
    model: str
    choices: list[ChoiceBody]
    usage: ChatUsageBody
    dateline: ShortAnswerBody


class ResponseAnnotationBody(UrlCitationBody):
    """A citation of a text."""

    type: Literal["url_citation"]


class OutputTextBody(BaseModel):
    """The text of a message."""

    type: Literal["output_text"]
    text: str
    annotations: list[ResponseAnnotationBody]
    logprobs: list[Any]


class OutputMessageBody(BaseModel):
    """What is answered."""

    type: Literal["message"]
    id: str
    status: str
    role: Literal["assistant"]
    content: list[OutputTextBody]


class TextFormatBody(BaseModel):
    """The form of the text."""

    type: Literal["text"]


class TextBody(BaseModel):
    """How the text is worded."""

    format: TextFormatBody


class CachedTokensBody(BaseModel):
    """Tokens that need not be read again."""

    cached_tokens: Count
    cache_write_tokens: Count


class ReasoningTokensBody(BaseModel):
    """Tokens that are not shown."""

    reasoning_tokens: Count


class ResponseUsageBody(BaseModel):
    """Tokens that a chat model read and wrote."""

    input_tokens: Count
    input_tokens_details: CachedTokensBody
    output_tokens: Count
    output_tokens_details: ReasoningTokensBody
    total_tokens: Count


class ResponseBody(BaseModel):
    """An answer as a response; `dateline` is the answer as `POST /v1/ask` gives it."""

    id: str
    object: Literal["response"]
    created_at: Count
    status: Literal["completed"]
    error: None
    incomplete_details: None
    instructions: None
    model: str
    output: list[OutputMessageBody]
    parallel_tool_calls: bool
    previous_response_id: str | None
    store: bool
    temperature: None
    text: TextBody
    tool_choice: Literal["none"]
    tools: list[Any]
    top_p: None
    truncation: Literal["disabled"]
    usage: ResponseUsageBody
    dateline: ShortAnswerBody
