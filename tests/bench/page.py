"""How heavy the page is and how soon it serves a slow reader: `python -m tests.bench.page`.

A processor four times slower than this one, over loopback; the median of several loads without a cache. Then a thread
of 100 sentences, in which is typed and scrolled.
"""

import gzip
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import httpx
from playwright.sync_api import Browser, Page

from service.api.static_files import FILES
from tests.support.browsing import BRIDGE, CREDIT, FERRY, FILM, PORT, ask, chromium, served_page

_SLOWER: Final = 4
_LOADS: Final = 9
_SENTENCES: Final = 100
_BETWEEN_KEYS_MS: Final = 100  # A fast typist.
_TIMES: Final = """() => ({
    paint: performance.getEntriesByName("first-contentful-paint")[0].startTime,
    interactive: performance.getEntriesByName("interactive")[0].startTime,
    requests: performance.getEntriesByType("resource").length + 1})"""
_SLOWEST_FRAME: Final = """async () => { const gaps = []; let last = performance.now();
    for (let step = 0; step < 60; step += 1) {
        scrollBy(0, 80);
        await new Promise(requestAnimationFrame);
        const now = performance.now(); gaps.push(now - last); last = now }
    return gaps }"""
_WATCH_TYPING: Final = """() => { window.delays = [];
    document.querySelector("#question").addEventListener("input", event => requestAnimationFrame(() => {
        const painted = new MessageChannel();
        painted.port1.onmessage = () => window.delays.push(performance.now() - event.timeStamp);
        painted.port2.postMessage(0) })) }"""


def slowed(browser: Browser, address: str) -> Page:
    """Load the page afresh on a slow processor."""
    page = browser.new_page()
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": _SLOWER})
    page.goto(address)
    page.locator("body[data-ready]").wait_for()
    return page


def loading(browser: Browser, origin: str) -> list[dict[str, Any]]:
    """Return the times of several loads, in milliseconds."""
    found = []
    for _ in range(_LOADS):
        page = slowed(browser, origin)
        found.append(page.evaluate(_TIMES))
        page.close()
    return found


def reading(browser: Browser, origin: str) -> tuple[int, list[float], list[float]]:
    """Return sentences of a long thread, and the milliseconds that frames and key strokes took in it."""
    page = slowed(browser, origin)
    asked, questions = 0, (BRIDGE, CREDIT, FERRY, FILM, PORT)
    while (sentences := page.locator(".sentence").count()) < _SENTENCES:
        ask(page, questions[asked % len(questions)])
        asked += 1
        page.locator(".made").nth(asked - 1).wait_for()
    page.wait_for_timeout(_BETWEEN_KEYS_MS * 10)
    page.evaluate(_WATCH_TYPING)
    page.get_by_label("Question", exact=True).press_sequentially(
        "How smooth is typing in a long thread?", delay=_BETWEEN_KEYS_MS
    )
    page.wait_for_timeout(300)
    page.evaluate("() => scrollTo(0, 0)")
    frames: list[float] = page.evaluate(_SLOWEST_FRAME)
    strokes: list[float] = page.evaluate("() => window.delays")
    page.close()
    return sentences, frames, strokes


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder, served_page(Path(folder)) as origin, chromium() as browser:
        page = httpx.get(origin, headers={"Accept": "text/html"}).content
        total = len(gzip.compress(page, 6)) + sum(len(file.compressed) for file in FILES.values())
        loads = loading(browser, origin)
        sentences, frames, strokes = reading(browser, origin)
    told = [
        f"whole page, compressed: {total:,} bytes in {loads[0]['requests']} requests",
        f"first paint: {_median(loads, 'paint'):.0f} ms (slowest {max(one['paint'] for one in loads):.0f})",
        f"interactive: {_median(loads, 'interactive'):.0f} ms (slowest {max(one['interactive'] for one in loads):.0f})",
        f"{sentences} sentences, scrolling: {statistics.median(frames):.0f} ms a frame, slowest {max(frames):.0f}",
        f"{sentences} sentences, typing: {statistics.median(strokes):.0f} ms a key, slowest {max(strokes):.0f}",
    ]
    sys.stdout.write(f"processor {_SLOWER} times slower, median of {_LOADS} loads\n" + "\n".join(told) + "\n")


def _median(loads: Sequence[dict[str, Any]], name: str) -> float:
    return float(statistics.median(one[name] for one in loads))


if __name__ == "__main__":
    main()
