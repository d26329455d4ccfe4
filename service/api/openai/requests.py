"""What clients of OpenAI's interface may say: what counts, what is passed over, and what is refused (docs/api.md)."""

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from service.api.schemas import PLAIN, AnswerOptions, PlainText, whole

_PLAIN_STRING: Final = {"type": "string", "pattern": PLAIN}
_MOST_MESSAGES: Final = 1_000
_MOST_TOKENS: Final = 1_000_000
_LONGEST_NAME: Final = 300


def _refuse(given: Any) -> Any:
    if given is not None:
        raise ValueError("Dateline does not do this; leave it out")
    return given


def _refuse_unless_empty(given: Any) -> Any:
    return given if given in (False, 0, "", [], {}) else _refuse(given)


def _as_parts(content: Any) -> Any:
    if content is None:
        return []
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _as_messages(given: Any) -> Any:
    return [{"role": "user", "content": given}] if isinstance(given, str) else given


def _or_text(schema: dict[str, Any]) -> None:
    array = {name: schema.pop(name) for name in ("type", "items", "minItems", "maxItems")}
    schema["anyOf"] = [_PLAIN_STRING, array]


# Each is passed over, but what it holds is checked: nonsense there is a mistake that its sender wants to know of.
_Flag = Annotated[bool, Field(strict=True)]
_Ignored = Annotated[Any, Field(description="Passed over.")]
_Temperature = Annotated[float, Field(strict=True, ge=0, le=2, allow_inf_nan=False, description="Passed over.")]
_Share = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False, description="Passed over.")]
_Penalty = Annotated[float, Field(strict=True, ge=-2, le=2, allow_inf_nan=False, description="Passed over.")]
_Tokens = Annotated[
    int,
    Field(strict=True, ge=1, le=_MOST_TOKENS, description="Passed over: answers are short."),
    BeforeValidator(whole),
]
_Choice = Annotated[Literal["none", "auto"], Field(description="No tool is ever called.")]
# These would make another answer of it than the one that is given.
_Refused = Annotated[Any, AfterValidator(_refuse), WithJsonSchema({"type": "null", "description": "Refused."})]
_RefusedUnlessEmpty = Annotated[
    Any,
    AfterValidator(_refuse_unless_empty),
    WithJsonSchema({"enum": [None, False, 0, "", [], {}], "description": "Refused unless empty."}),
]


class TextPart(BaseModel):
    """A part of a message that is text; pictures, sound and files are refused."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: Literal["text", "input_text", "output_text", "refusal"]
    text: PlainText = Field(validation_alias=AliasChoices("text", "refusal"))


_PARTS_SCHEMA: Final = {
    "anyOf": [
        _PLAIN_STRING,
        {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"type": {"enum": ["text", "input_text", "output_text"]}, "text": _PLAIN_STRING},
                "required": ["type", "text"],
            },
        },
        {"type": "null"},
    ]
}


class Message(BaseModel):
    """A message of the conversation; its other fields are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: Literal["message"] = "message"
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Annotated[list[TextPart], BeforeValidator(_as_parts), WithJsonSchema(_PARTS_SCHEMA)] = Field(
        default_factory=list
    )

    @property
    def text(self) -> str:
        """All its text."""
        return "\n".join(part.text for part in self.content)


_Messages = Annotated[list[Message], Field(min_length=1, max_length=_MOST_MESSAGES)]


class TextFormat(BaseModel):
    """The only form that answers have."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["text"] = "text"


class StreamOptions(BaseModel):
    """What a stream holds beside the answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    include_usage: _Flag | None = None
    include_obfuscation: _Flag | None = Field(default=None, description="Passed over.")


class _ModelRequest(BaseModel):
    """What both routes take; `null` is the same as leaving a field out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(max_length=_LONGEST_NAME, description="One of `GET /v1/models`.")
    stream: _Flag | None = None
    stream_options: StreamOptions | None = None
    dateline: AnswerOptions | None = Field(
        default=None, description="`as_of`, `from`, `to`, `publisher`, `deadline_ms`."
    )

    temperature: _Temperature | None = None
    top_p: _Share | None = None
    tool_choice: _Choice | None = None
    tools: _Ignored = None
    parallel_tool_calls: _Ignored = None
    metadata: _Ignored = None
    store: _Ignored = None
    user: _Ignored = None
    safety_identifier: _Ignored = None
    service_tier: _Ignored = None
    prompt_cache_key: _Ignored = None
    prompt_cache_options: _Ignored = None
    prompt_cache_retention: _Ignored = None
    moderation: _Refused = None
    top_logprobs: _RefusedUnlessEmpty = None


class ChatRequest(_ModelRequest):
    """A chat whose last message is the question."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "dateline",
                    "messages": [{"role": "user", "content": "When does the northern bridge open?"}],
                    "dateline": {"as_of": "2025-02-28"},
                }
            ]
        }
    )

    messages: _Messages
    n: Literal[1] | None = None

    top_k: Annotated[int, Field(strict=True, ge=0), BeforeValidator(whole)] | None = Field(
        default=None, description="Passed over."
    )
    min_p: _Share | None = None
    frequency_penalty: _Penalty | None = None
    presence_penalty: _Penalty | None = None
    max_tokens: _Tokens | None = None
    max_completion_tokens: _Tokens | None = None
    seed: Annotated[int, Field(strict=True), BeforeValidator(whole)] | None = Field(
        default=None, description="Passed over."
    )
    reasoning_effort: _Ignored = None
    verbosity: _Ignored = None
    prediction: _Ignored = None
    functions: _Ignored = None
    function_call: _Choice | None = None
    modalities: list[Literal["text"]] | None = None
    response_format: TextFormat | None = None
    stop: _RefusedUnlessEmpty = None
    logit_bias: _RefusedUnlessEmpty = None
    logprobs: _RefusedUnlessEmpty = None
    audio: _Refused = None
    web_search_options: _Refused = None


class TextOptions(BaseModel):
    """How a response is worded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: TextFormat | None = None
    verbosity: _Ignored = None


class ResponsesRequest(_ModelRequest):
    """A question, or a conversation that ends with one."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"model": "dateline", "input": "When does the northern bridge open?"}]}
    )

    input: Annotated[_Messages, BeforeValidator(_as_messages)] = Field(
        description="The question, or messages of which the last is the question.", json_schema_extra=_or_text
    )
    previous_response_id: PlainText | None = Field(
        default=None, max_length=_LONGEST_NAME, description="Of an answer that this question follows up."
    )

    instructions: _Ignored = None
    max_output_tokens: _Tokens | None = None
    max_tool_calls: _Ignored = None
    reasoning: _Ignored = None
    include: _Ignored = None
    truncation: _Ignored = None
    text: TextOptions | None = None
    background: _RefusedUnlessEmpty = None
    conversation: _Refused = None
    context_management: _Refused = None
    prompt: _Refused = None
