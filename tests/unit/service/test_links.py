"""Links to sources as they leave a server: unchanged, into a collection, signed."""

from service.api.links import Links, signature_of

BODY = {
    "url": "/sources/doc_1?version=2",
    "text": "/sources/doc_1",
    "sentences": [{"citations": ({"url": "/sources/doc_1", "copies": []},)}],
}


def secret() -> bytes:
    return b"secret"


def test_where_nothing_is_to_be_changed_the_body_is_the_same() -> None:
    assert Links().shown(BODY) is BODY


def test_links_lead_into_their_collection() -> None:
    """Every `url`, however deep; nothing else."""
    shown = Links("wires").shown(BODY)

    assert shown["url"] == "/v1/collections/wires/sources/doc_1?version=2"
    assert shown["text"] == "/sources/doc_1"
    assert shown["sentences"][0]["citations"][0]["url"] == "/v1/collections/wires/sources/doc_1"


def test_other_paths_of_the_interface_lead_into_it_too() -> None:
    assert Links("wires").url("/v1/jobs/job_1") == "/v1/collections/wires/jobs/job_1"
    assert Links().url("/v1/jobs/job_1") == "/v1/jobs/job_1"


def test_addresses_elsewhere_stay() -> None:
    assert Links("wires", secret).url("https://example.org/sources/x") == "https://example.org/sources/x"


def test_a_signature_is_added_to_what_is_there() -> None:
    signed = signature_of(b"secret", "default", "doc 1")

    assert Links(secret=secret).url("/sources/doc%201") == f"/sources/doc%201?sig={signed}"
    assert (
        Links(secret=secret).url("/sources/doc%201?start=1&end=2#quote").endswith(f"?start=1&end=2&sig={signed}#quote")
    )


def test_a_signature_is_of_one_document_in_one_collection() -> None:
    """With another secret it is another, too."""
    signed = {
        signature_of(b"secret", "default", "doc_1"),
        signature_of(b"secret", "default", "doc_2"),
        signature_of(b"secret", "wires", "doc_1"),
        signature_of(b"other", "default", "doc_1"),
    }

    assert len(signed) == 4
    assert {len(one) for one in signed} == {32}
