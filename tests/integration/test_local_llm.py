"""The local chat model, really run: it answers from evidence, and only this process may use it."""

from collections.abc import Iterator

import httpx
import pytest

from domain.errors import ChatModelError, ModelFileError
from domain.settings import ChatSettings, ModelSettings
from retriever.models import ModelRegistry, locate
from service.answering.chat_model import open_chat_model
from service.answering.langchain_writer import LangChainWriter
from service.answering.local_llm import LocalLlm, has_llama_cpp
from tests.support.chat_models import whole
from tests.support.evidence import evidence

pytestmark = pytest.mark.chat_model

BRIDGE = evidence(
    "The harbour bridge will reopen on 12 April after repairs that cost 85 million crowns, Lena Dahl said on Tuesday.",
    "The bridge was closed in November when inspectors found cracks in two of its pillars.",
    "The ferry union said its members would lose about 40 jobs once the bridge is open again.",
    "A second inspection is planned for the autumn.",
    speakers=("Prime Minister Lena Dahl", None, "The ferry union", None),
)


def models() -> ModelSettings:
    settings = ModelSettings()
    try:
        locate(ModelRegistry.load().first("chat").name, settings.folder)
    except ModelFileError as error:
        pytest.skip(f"the local chat model is not here: {error.message}")
    if not has_llama_cpp():
        pytest.skip("xllamacpp is not installed")
    return settings


@pytest.fixture(scope="module")
def model() -> Iterator[LangChainWriter]:
    opened = open_chat_model(ChatSettings(timeout_s=240), models())
    assert opened is not None
    with opened:
        opened.warm_up()
        yield opened


@pytest.mark.parametrize(
    ("question", "words", "evidence_id"),
    [
        ("When does the harbour bridge reopen?", "12 April", "E1"),
        ("Why was the bridge closed?", "cracks", "E2"),
        ("How many jobs does the ferry union expect to lose?", "40", "E3"),
    ],
)
def test_it_answers_from_the_right_evidence(
    model: LangChainWriter, question: str, words: str, evidence_id: str
) -> None:
    """The answer holds the asked words and names the sentence that says them."""
    draft = whole(model.write(question, BRIDGE))

    assert words in " ".join(sentence.text for sentence in draft.sentences)
    assert evidence_id in {named for sentence in draft.sentences for named in sentence.evidence_ids}
    assert draft.end.model == "local:qwen2.5-coder-1.5b-instruct"
    assert min(draft.end.prompt_tokens, draft.end.completion_tokens) > 0


@pytest.mark.parametrize("question", ["Who designed the harbour bridge?", "How many people were hurt at the bridge?"])
def test_it_writes_nothing_when_the_evidence_does_not_answer(model: LangChainWriter, question: str) -> None:
    """An empty draft, from which the caller makes a refusal."""
    assert whole(model.write(question, BRIDGE)).sentences == ()


def test_its_server_takes_only_its_own_key_and_no_other_origin() -> None:
    """Without the random key there is no answer, and no foreign web page is let in."""
    llm = LocalLlm(locate(ModelRegistry.load().first("chat").name, models().folder), threads=0, context_tokens=512)
    endpoint = llm.start()
    try:
        request = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}
        refused = httpx.post(f"{endpoint.base_url}/chat/completions", json=request)
        preflight = httpx.options(f"{endpoint.base_url}/models", headers={"Origin": "http://evil.example"})
    finally:
        llm.close()

    assert endpoint.base_url.startswith("http://127.0.0.1:")
    assert refused.status_code == 401
    assert preflight.headers.get("Access-Control-Allow-Origin") not in {"*", "http://evil.example"}
    assert endpoint.key not in repr(endpoint)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{endpoint.base_url}/models")
    with pytest.raises(ChatModelError, match="closed"):
        llm.start()
