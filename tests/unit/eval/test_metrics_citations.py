import pytest

from eval.cases import Case, Gold
from eval.metrics import citations
from eval.metrics.citations import speakers
from eval.metrics.dates_and_numbers import date_parts, numbers
from eval.outcomes import Outcome, Quote, Sentence

GOLD = "The lock at Orrin was closed for nine weeks."
CASE = Case(
    case_id="q",
    question="What happened?",
    gold=(Gold(doc_id="g", text=GOLD), Gold(doc_id="g", text="Barges waited below the weir.")),
)


def test_verbatim_is_the_share_of_quotes_that_stand_at_their_place() -> None:
    """True, False and one without a place: 1 of 2."""
    outcome = _answer(("x", [_quote("a"), _quote("b", verbatim=False), _quote("c", verbatim=None)]))

    assert citations.verbatim(CASE, outcome) == 0.5
    assert citations.verbatim(CASE, _answer(("x", [_quote("a", verbatim=None)]))) is None
    assert citations.verbatim(CASE, _answer(("x", []))) is None


def test_recall_counts_sentences_and_precision_counts_quotes() -> None:
    """Quoted are: gold and other, other, nothing. Recall 1/3, precision 1/3, and 1 of 2 gold texts is quoted."""
    outcome = _answer(
        ("It was closed.", [_quote(GOLD), _quote("Ferries ran as usual all summer.")]),
        ("Ferries ran.", [_quote("Ferries ran as usual all summer.")]),
        ("All was well.", []),
    )

    assert citations.recall(CASE, outcome) == pytest.approx(1 / 3)
    assert citations.precision(CASE, outcome) == pytest.approx(1 / 3)
    assert citations.gold_quoted(CASE, outcome) == 0.5


def test_an_answer_without_quotes_cites_nothing() -> None:
    """Not judging it would reward leaving citations out."""
    outcome = _answer(("It was closed.", []))

    assert [measure(CASE, outcome) for measure in _AGAINST_GOLD] == [0.0, 0.0, 0.0]


def test_refusals_and_cases_without_gold_words_are_not_judged() -> None:
    quoted = _answer(("It was closed.", [_quote(GOLD)]))
    unanswerable = Case(case_id="q", question="What?", answerable=False, gold=CASE.gold)

    assert [measure(CASE, Outcome(status="refused")) for measure in _AGAINST_GOLD] == [None, None, None]
    assert [measure(unanswerable, quoted) for measure in _AGAINST_GOLD] == [None, None, None]


def test_support_is_a_mean_and_its_rate_counts_sentences() -> None:
    """Scores 0.9, 0.3, 0.4: mean 0.5333; one sentence of two has a quote of 0.5 or more."""
    outcome = _answer(("x", [_quote("a", support=0.9), _quote("b", support=0.3)]), ("y", [_quote("c", support=0.4)]))

    assert citations.support(CASE, outcome) == pytest.approx(1.6 / 3)
    assert citations.support_rate(CASE, outcome) == 0.5
    assert citations.support(CASE, _answer(("x", [_quote("a")]))) is None
    assert citations.support_rate(CASE, _answer(("x", [_quote("a")]))) is None


def test_number_errors_compare_values() -> None:
    """1,200 is 1200 and nine is 9; 13 is nowhere: 1 of 2 sentences with numbers. The third sentence has none."""
    outcome = _answer(
        ("1,200 barges waited nine weeks.", [_quote("Some 1200 barges"), _quote("for 9 weeks")]),
        ("13 ferries ran.", [_quote("12 ferries ran on route 13a")]),
        ("It opened again.", [_quote("12")]),
    )

    assert citations.number_errors(CASE, outcome) == 0.5
    assert citations.number_errors(CASE, _answer(("It opened.", []))) is None


def test_date_errors_compare_parts() -> None:
    """4 March is in the quote, the year is not; the other sentence's date is written another way."""
    outcome = _answer(
        ("It opened on 4 March 2025.", [_quote("It opened on March 4.")]),
        ("It closed on Jan. 2, 2025.", [_quote("Closed: 2025-01-02")]),
        ("It may march on.", []),
    )

    assert citations.date_errors(CASE, outcome) == 0.5


def test_speaker_errors_need_the_name_in_quote_or_speaker() -> None:
    """Doe is the quote's speaker, the ministry is in the quote's words, Roe is nowhere: 1 of 3."""
    outcome = _answer(
        ("Jane Doe said the lock opens.", [_quote("The lock opens.", speaker="Ms Doe")]),
        ("According to the Ministry of Canals, it opens.", []),
        ("The ministry has announced a date.", [_quote("The ministry named Friday.")]),
        ("Richard Roe, who runs it, said it opens.", [_quote("The lock opens.", speaker="Jane Doe")]),
        ("He said so.", []),
    )

    assert citations.speaker_errors(CASE, outcome) == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("President Ana Silva warned of floods.", ("President Ana Silva",)),
        ("Ana Silva, the president, told reporters so.", ("Ana Silva",)),
        ("According to Canal Watch, it leaks.", ("Canal Watch",)),
        ("Ana Silva: It leaks.", ("Ana Silva",)),
        ("The harbour master has said so.", ("The harbour master",)),
        ("They said so, she added.", ()),
        ("It is said to leak.", ()),
    ],
)
def test_speakers_are_found_by_how_they_are_named(text: str, named: tuple[str, ...]) -> None:
    assert speakers(text) == named


def test_the_right_speaker_is_named_in_answer_or_quote() -> None:
    case = Case(case_id="q", question="Who said so?", speaker="Ana Silva")

    assert citations.speaker_named(case, _answer(("President Silva said so.", []))) == 1.0
    assert citations.speaker_named(case, _answer(("It leaks.", [_quote("It leaks.", speaker="Silva")]))) == 1.0
    assert citations.speaker_named(case, _answer(("It leaks.", [_quote("It leaks.")]))) == 0.0
    assert citations.speaker_named(CASE, _answer(("It leaks.", []))) is None


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1,200.5 tonnes and 3 per cent", {1200.5, 3.0}),
        ("the 3rd of twelve", {3.0, 12.0}),
        ("one of them", set()),
        ("on 4 March 2025, in May 2024 and in 2023", set()),
        ("route 13a and A380", set()),
        ("$5m and £1.5 billion", {5.0, 1.5}),
        ("12 of 2024", {12.0}),
    ],
)
def test_numbers_leave_out_dates_and_names(text: str, values: set[float]) -> None:
    assert numbers(text) == values


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("on 4 March 2025", {"2025", "month 3", "day 3-4"}),
        ("March 4th, 2025", {"2025", "month 3", "day 3-4"}),
        ("2025-03-04", {"2025", "month 3", "day 3-4"}),
        ("on the 4th of March", {"month 3", "day 3-4"}),
        ("May 2024", {"2024", "month 5"}),
        ("in June on Monday", {"month 6", "weekday Mon"}),
        ("It may march in 1200 steps", set()),
    ],
)
def test_dates_are_read_in_their_usual_forms(text: str, parts: set[str]) -> None:
    assert date_parts(text) == parts


_AGAINST_GOLD = (citations.recall, citations.precision, citations.gold_quoted)


def _quote(
    text: str, *, verbatim: bool | None = True, speaker: str | None = None, support: float | None = None
) -> Quote:
    return Quote(doc_id="g", text=text, verbatim=verbatim, speaker=speaker, support=support)


def _answer(*sentences: tuple[str, list[Quote]]) -> Outcome:
    shown = tuple(Sentence(text=text, quotes=tuple(quotes)) for text, quotes in sentences)
    return Outcome(status="answered", text=" ".join(sentence.text for sentence in shown), sentences=shown)
