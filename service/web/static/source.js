// A document to read beside an answer or in the record: its paragraphs, and the cited words marked in their place.

import { json } from "./api.js";
import { byline, inWords, nameOf, within } from "./citations.js";
import { day } from "./dates.js";
import { button, element, foreign, isCalm, one } from "./dom.js";

const LONGEST = 200_000; // Characters; more than this is not laid out at once.
const AROUND = 40_000; // Characters shown on each side of the words in a longer document.
const BLANK_LINES = /\n\s*\n/g;

const kept = new Map();

export function documentOf(documentId, version) {
  const path = `/v1/documents/${encodeURIComponent(documentId)}${version ? `?version=${version}` : ""}`;
  if (!version) return json(path);
  if (!kept.has(path)) {
    const loading = json(path);
    kept.set(path, loading);
    loading.catch(() => kept.delete(path));
  }
  return kept.get(path);
}

// The index in a JavaScript string of a code point's number: characters outside the basic plane take two places.
export function placeOf(text, codePoints) {
  let at = 0;
  for (let count = 0; count < codePoints && at < text.length; count += 1) {
    at += text.codePointAt(at) > 0xffff ? 2 : 1;
  }
  return at;
}

export function* paragraphsOf(text) {
  let start = 0;
  for (const gap of text.matchAll(BLANK_LINES)) {
    if (text.slice(start, gap.index).trim()) yield [start, gap.index];
    start = gap.index + gap[0].length;
  }
  if (text.slice(start).trim()) yield [start, text.length];
}

// Paragraphs as elements, with the words from `start` to `end` marked.
export function paragraphs(text, start, end) {
  const [from, to] = shownPart(text, start, end);
  return [...paragraphsOf(text.slice(from, to))].map(([first, last]) => {
    const [a, b] = [first + from, last + from];
    const [left, right] = [Math.min(Math.max(start, a), b), Math.max(Math.min(end, b), a)];
    if (left >= right) return foreign(text.slice(a, b), "p");
    return foreign([text.slice(a, left), element("mark", {}, text.slice(left, right)), text.slice(right, b)], "p");
  });
}

function shownPart(text, start, end) {
  return text.length <= LONGEST ? [0, text.length] : [Math.max(0, start - AROUND), Math.min(text.length, end + AROUND)];
}

// <source-view>: one cited source, with steps to the others.
class SourceView extends HTMLElement {
  show(cited, { position, count, onStep, onClose, judge }) {
    this.className = "source";
    this.setAttribute("role", "region");
    this.setAttribute("aria-label", `Source ${cited.mark}: ${inWords(cited)}`);
    const text = element("div", { class: "text", tabindex: "0", role: "group", "aria-label": "Text of the source" });
    text.append(foreign([element("mark", {}, cited.quote)], "p")); // At once; its surroundings follow.
    this.replaceChildren(
      element(
        "div",
        { class: "steps" },
        button("‹", () => onStep(-1), { "aria-label": "Previous source", disabled: position === 0 }),
        element("span", {}, `${position + 1} of ${count}`),
        button("›", () => onStep(1), { "aria-label": "Next source", disabled: position === count - 1 }),
        button("Close", onClose, { class: "close", title: "Esc" }),
      ),
      element("h3", {}, foreign(nameOf(cited), "a", { href: within(cited.url) })),
      element("p", {}, byline(cited)),
      happenings(cited),
      copies(cited),
      text,
      judge ?? "",
    );
    this.#fill(text, cited);
  }

  async #fill(text, cited) {
    this.setAttribute("aria-busy", "true");
    try {
      const document = await documentOf(cited.document_id, cited.version);
      if (!text.isConnected) return;
      const [start, end] = [placeOf(document.text, cited.start), placeOf(document.text, cited.end)];
      if (document.text.slice(start, end) !== cited.quote) {
        text.before(element("p", { class: "problem" }, "These words do not stand in this place of the document."));
        return;
      }
      text.replaceChildren(...paragraphs(document.text, start, end));
      if (document.text.length > LONGEST) {
        text.before(element("p", { class: "quiet" }, "A long document: the part around these words is shown. ", element("a", { href: within(cited.url) }, "All of it")));
      }
      scrollTo(text, one("mark", text));
      this.#tellOfVersions(document, cited);
    } catch (failure) {
      if (text.isConnected) text.after(element("p", { class: "problem", role: "alert" }, failure.message));
    } finally {
      this.removeAttribute("aria-busy");
    }
  }

  #tellOfVersions(document, cited) {
    const newest = document.versions.at(-1);
    if (!newest || newest.version === cited.version) return;
    one(".text", this)?.before(
      element("p", { class: "notice" }, `This is version ${cited.version}. It was replaced by `, element("a", { href: within(newest.url) }, `version ${newest.version}`), "."),
    );
  }
}

customElements.define("source-view", SourceView);

function scrollTo(within, target) {
  if (!target) return;
  const top = within.scrollTop + target.getBoundingClientRect().top - within.getBoundingClientRect().top;
  within.scrollTo({ top: Math.max(0, top - within.clientHeight / 3), behavior: isCalm() ? "instant" : "auto" });
}

function happenings(cited) {
  const days = (cited.event_dates ?? [])
    .filter((one) => one.first !== cited.published || one.last !== cited.published)
    .map((one) => (one.first === one.last ? day(one.first) : `${day(one.first)} to ${day(one.last)}`));
  return days.length ? element("p", { class: "quiet" }, `Speaks of ${[...new Set(days)].join(", ")}`) : "";
}

export function copies(cited) {
  if (!cited.copies?.length) return "";
  return element(
    "p",
    { class: "copies" },
    "Also in ",
    cited.copies.map((copy, at) => [at ? ", " : "", foreign(copy.publisher || copy.title || "Untitled document", "a", { href: within(copy.url) })]),
  );
}
