from service.answering.stopwatch import Stopwatch


def test_stages_add_up_and_the_total_goes_on() -> None:
    """Time since the last stop counts for the stage that is named; a stage that is named twice is added up."""
    seconds = iter([10.0, 10.25, 10.5, 11.0, 13.0])
    watch = Stopwatch(lambda: next(seconds))
    watch.stop("retrieve")
    watch.stop("verify")
    watch.stop("retrieve")

    timings = watch.timings_ms()

    assert timings == {"retrieve": 750.0, "verify": 250.0, "total": 3000.0}


def test_without_stages_there_is_only_the_total() -> None:
    seconds = iter([1.0, 1.5])

    assert Stopwatch(lambda: next(seconds)).timings_ms() == {"total": 500.0}
