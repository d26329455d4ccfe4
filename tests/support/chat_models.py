"""Chat models for tests of answering: one that plays drafts, and one whose raw reply a function writes."""

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from domain.answers import Evidence, PromptUsed
from domain.errors import ChatModelError
from domain.patience import Patience
from domain.ports import DraftEnd, DraftPart, DraftSentence
from service.answering.langchain_writer import LangChainWriter

PROMPT = PromptUsed(name="answer", version=1, digest="0" * 12)


@dataclass(kw_only=True)
class PlayedModel:
    """The port `ChatModel` that replies with given sentences, and then fails where an error is given."""

    sentences: Sequence[tuple[str, tuple[str, ...]]] = ()
    error: ChatModelError | None = None
    asked: list[tuple[str, tuple[Evidence, ...]]] = field(default_factory=list)
    model_id: str = "played"
    prompt: PromptUsed = PROMPT

    def write(
        self, question: str, evidence: Sequence[Evidence], *, patience: Patience | None = None
    ) -> Generator[DraftPart, None, None]:
        self.asked.append((question, tuple(evidence)))
        for text, ids in self.sentences:
            yield DraftSentence(text=text, evidence_ids=ids)
        if self.error is not None:
            raise self.error
        yield DraftEnd(model=self.model_id, prompt_tokens=40, completion_tokens=9)


@dataclass(frozen=True, kw_only=True)
class Draft:
    """All that a model wrote, and what it cost."""

    sentences: tuple[DraftSentence, ...]
    end: DraftEnd


def whole(parts: Iterable[DraftPart]) -> Draft:
    """Let a model write to its end."""
    *sentences, end = parts
    assert isinstance(end, DraftEnd)
    return Draft(sentences=tuple(one for one in sentences if isinstance(one, DraftSentence)), end=end)


class WrittenReplies(BaseChatModel):
    """A LangChain chat model whose replies a function makes from the prompt."""

    write: Callable[[str], str]

    @property
    def _llm_type(self) -> str:
        return "written"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        reply = AIMessage(content=self.write(str(messages[0].content)))
        return ChatResult(generations=[ChatGeneration(message=reply)])


def model_that_writes(write: Callable[[str], str]) -> LangChainWriter:
    """Our adapter over a model whose replies a function makes from the prompt."""
    return LangChainWriter(
        model_id="written", endpoint="a test", connect=lambda **_: WrittenReplies(write=write), timeout_s=30
    )
