"""Questions to begin with: whom they name, and from where they are drawn."""

from domain.corpus import DocumentHeader
from service.suggestions import suggested_questions


def header(document_id: str, publisher: str | None) -> DocumentHeader:
    return DocumentHeader(
        document_id=document_id, version=1, content_sha256="", source_uri=f"file:///{document_id}", publisher=publisher
    )


def test_every_publisher_has_its_turn_before_one_has_a_second() -> None:
    documents = [header("a1", "A"), header("a2", "A"), header("b", "B"), header("none", None)]
    speakers = {"a1": ["Lena Marsh"], "a2": ["Ida Roe"], "b": ["Otto Karn"], "none": ["Mira Costrel"]}

    questions = suggested_questions(documents, speakers, limit=4)

    assert questions == tuple(
        f"What did {name} say?" for name in ("Lena Marsh", "Otto Karn", "Mira Costrel", "Ida Roe")
    )


def test_the_most_fully_named_speaker_is_asked_about_once() -> None:
    """Pronouns, crowds and sentences are nobody to ask about; a side that is named is."""
    documents = [header("a", "A"), header("b", "B"), header("c", "C"), header("d", "D")]
    speakers = {
        "a": ["he", "Officials", "Mrs Roe", "Water Minister Aldith Roe"],
        "b": ["Mrs Roe", "both sides"],
        "c": ["The Velmari side", "Somebody " * 20],
        "d": [],
    }

    questions = suggested_questions(documents, speakers, limit=9)

    assert questions == ("What did Water Minister Aldith Roe say?", "What did the Velmari side say?")


def test_there_are_no_more_than_wanted() -> None:
    documents = [header(name, name) for name in ("a", "b")]
    speakers = {"a": ["Lena Marsh"], "b": ["Otto Karn"]}

    assert suggested_questions(documents, speakers, limit=1) == ("What did Lena Marsh say?",)
    assert suggested_questions((), {}, limit=5) == ()
