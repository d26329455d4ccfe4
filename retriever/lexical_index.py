"""Search by words: a tantivy index with English stemming and BM25."""

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Self

from domain.answers import TimeScope
from domain.errors import IndexUnavailableError, StorageError
from domain.ports import IndexEntry
from retriever.projections import Hit, ScopeBounds

ANALYZER: Final = "english_folded"
TITLE_BOOST: Final = 0.5  # A title names the topic of every paragraph below it, so it counts, but less than words.
MAX_TERMS: Final = 64  # Bounds the cost of an 8 000-character question.
WRITER_HEAP_BYTES: Final = 32_000_000
LONGEST_WORD: Final = 80  # Longer tokens are URLs and encoded data.


class LexicalIndex:
    """One tantivy index, in a folder or in memory; one writer, many readers.

    tantivy's own errors and panics become `IndexUnavailableError`.
    """

    def __init__(self, index: Any) -> None:
        self._index = index
        self._schema = index.schema
        self._write_lock = threading.Lock()
        index.register_tokenizer(ANALYZER, _analyzer())
        self._asked = _analyzer()
        self._asked_content = _analyzer(stopwords=True)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the index in `folder`, creating an empty one where there is none.

        Raises:
            IndexUnavailableError: If the files cannot be read as an index.
            StorageError: If the folder cannot be written.
        """
        import tantivy  # noqa: PLC0415  - a native library that most commands do not need

        try:
            folder.mkdir(parents=True, exist_ok=True)
            return cls(tantivy.Index(_schema(), path=str(folder)))
        except OSError as exc:
            raise _storage_error(exc) from exc
        except BaseException as exc:
            raise _unavailable(exc) from exc

    @classmethod
    def open_existing(cls, folder: Path) -> Self:
        """Open the index in `folder` for reading; nothing is created.

        Raises:
            IndexUnavailableError: If there is no readable index.
        """
        import tantivy  # noqa: PLC0415  - a native library that most commands do not need

        try:
            return cls(tantivy.Index.open(str(folder)))
        except BaseException as exc:
            raise _unavailable(exc) from exc

    @classmethod
    def in_memory(cls) -> Self:
        """Return an empty index that lives as long as the object."""
        import tantivy  # noqa: PLC0415  - a native library that most commands do not need

        return cls(tantivy.Index(_schema()))

    def apply(self, *, add: Iterable[IndexEntry] = (), remove: Iterable[str] = ()) -> None:
        """Add and remove passages in one commit; adding an id again replaces it.

        Raises:
            IndexUnavailableError: If the commit failed; nothing of this call is then visible.
        """
        import tantivy  # noqa: PLC0415  - a native library that most commands do not need

        with self._write_lock:
            try:
                writer = self._index.writer(heap_size=WRITER_HEAP_BYTES, num_threads=1)
                for passage_id in remove:
                    writer.delete_documents_by_term("passage_id", passage_id)
                for entry in add:
                    writer.delete_documents_by_term("passage_id", entry.passage_id)
                    writer.add_document(
                        tantivy.Document(
                            passage_id=entry.passage_id,
                            text=entry.text,
                            title=entry.title,
                            published_day=entry.published_day,
                            publisher=entry.publisher,
                        )
                    )
                writer.commit()
                writer.wait_merging_threads()
                self._index.reload()
            except BaseException as exc:
                raise _unavailable(exc) from exc

    def search(self, question: str, *, scope: TimeScope, limit: int) -> tuple[Hit, ...]:
        """Return the best passages by BM25 over text and title; none when no word of the question is known."""
        try:
            query = self._query(question, ScopeBounds.of(scope))
            if query is None:
                return ()
            searcher = self._index.searcher()
            found = searcher.search(query, limit=limit, count=False).hits
            hits = [Hit(passage_id=searcher.doc(place)["passage_id"][0], score=float(score)) for score, place in found]
        except BaseException as exc:
            raise _unavailable(exc) from exc
        return tuple(sorted(hits, key=lambda hit: (-hit.score, hit.passage_id)))

    def reload(self) -> None:
        """See the commits of other processes."""
        try:
            self._index.reload()
        except BaseException as exc:
            raise _unavailable(exc) from exc

    def ids(self) -> set[str]:
        """Return the ids of all passages in the index."""
        import tantivy  # noqa: PLC0415  - a native library that most commands do not need

        try:
            terms = self._index.searcher().terms_with_prefix("passage_id", "", tantivy.Query.all_query())
        except BaseException as exc:
            raise _unavailable(exc) from exc
        return {term for term, count in terms if count}

    def __len__(self) -> int:
        return int(self._index.searcher().num_docs)

    def _query(self, question: str, bounds: ScopeBounds) -> Any | None:
        import tantivy  # noqa: PLC0415  - a native library that most commands do not need

        must, should = tantivy.Occur.Must, tantivy.Occur.Should
        # Terms are built one by one: a query parser would read punctuation of the question as syntax.
        terms = list(dict.fromkeys(self._asked_content.analyze(question) or self._asked.analyze(question)))[:MAX_TERMS]
        if not terms:
            return None
        words = []
        for term in terms:
            in_title = tantivy.Query.term_query(self._schema, "title", term)
            words.append((should, tantivy.Query.term_query(self._schema, "text", term)))
            words.append((should, tantivy.Query.boost_query(in_title, TITLE_BOOST)))
        clauses = [(must, tantivy.Query.boolean_query(words))]
        if bounds.is_dated:
            days = tantivy.Query.range_query(
                self._schema, "published_day", tantivy.FieldType.Integer, bounds.first_day, bounds.last_day
            )
            clauses.append((must, tantivy.Query.const_score_query(days, 0.0)))
        if bounds.publisher is not None:
            name = tantivy.Query.term_query(self._schema, "publisher", bounds.publisher)
            clauses.append((must, tantivy.Query.const_score_query(name, 0.0)))
        return tantivy.Query.boolean_query(clauses)


def _schema() -> Any:
    import tantivy  # noqa: PLC0415  - a native library that most commands do not need

    builder = tantivy.SchemaBuilder()
    builder.add_text_field("passage_id", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("text", tokenizer_name=ANALYZER, index_option="freq")
    builder.add_text_field("title", tokenizer_name=ANALYZER, index_option="freq")
    builder.add_text_field("publisher", tokenizer_name="raw", index_option="basic")
    builder.add_integer_field("published_day", indexed=True, fast=True)
    return builder.build()


def _analyzer(*, stopwords: bool = False) -> Any:
    import tantivy  # noqa: PLC0415  - a native library that most commands do not need

    # The same steps as tantivy's en_stem, and accents folded: readers type `Turkiye` for `Türkiye`.
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
    builder = builder.filter(tantivy.Filter.remove_long(LONGEST_WORD)).filter(tantivy.Filter.lowercase())
    builder = builder.filter(tantivy.Filter.ascii_fold())
    if stopwords:
        builder = builder.filter(tantivy.Filter.stopword("english"))
    return builder.filter(tantivy.Filter.stemmer("english")).build()


def _unavailable(exc: BaseException) -> BaseException:
    # A panic of the Rust library arrives as a BaseException that is not an Exception; it must not end the process.
    if isinstance(exc, (KeyboardInterrupt, SystemExit, GeneratorExit)):
        return exc
    if isinstance(exc, OSError):
        return _storage_error(exc)
    if isinstance(exc, Exception) and not isinstance(exc, (ValueError, RuntimeError)):
        return exc  # Tantivy raises the two only; this came from whoever supplies the passages.
    return IndexUnavailableError(f"The word index failed: {exc}", hint="It is rebuilt at the next start.")


def _storage_error(exc: OSError) -> StorageError:
    return StorageError(
        f"The word index cannot be written: {exc}", hint="Free disk space, or check the folder's rights."
    )
