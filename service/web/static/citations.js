// What an answer cites: one citation in the page's words, the documents behind all of them, and its place in an answer.

import { day, seconds, counted } from "./dates.js";
import { element, foreign } from "./dom.js";

export function byline(cited) {
  return element(
    "span",
    { class: "byline" },
    cited.speaker && [foreign(cited.speaker), " · "],
    cited.publisher && [foreign(cited.publisher), " · "],
    cited.published ? element("time", { datetime: cited.published }, day(cited.published)) : "undated",
    cited.place && [" · ", foreign(cited.place)],
  );
}

// Only addresses of this server; whatever else stands in an answer leads nowhere.
export const within = (url) => (/^\/(?![/\\])/.test(url ?? "") ? url : null);

export const nameOf = (cited) => cited.title || cited.publisher || "Untitled document";

export function inWords(cited) {
  return `${cited.publisher || cited.title || "untitled"}, ${cited.published ? day(cited.published) : "undated"}`;
}

// A link to the readable page; inside the page it opens the source beside the text.
export function mark(cited, onOpen) {
  return element(
    "a",
    {
      class: "mark",
      href: within(cited.url),
      "aria-label": `Source ${cited.mark}, ${inWords(cited)}`,
      onclick: (event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
        event.preventDefault();
        onOpen(cited, event.currentTarget);
      },
    },
    String(cited.mark),
  );
}

export function* citationsOf(answer) {
  for (const sentence of answer.sentences) yield* sentence.citations;
  for (const replaced of answer.superseded) yield* [replaced.replaced, replaced.by];
  for (const conflict of answer.conflicts) for (const side of conflict.sides) yield* side.citations;
}

// The documents that an answer cites, in the order of time, undated ones last, each with its citations by mark.
export function citedDocuments(answer) {
  const found = new Map();
  for (const cited of citationsOf(answer)) {
    const entry = found.get(cited.document_id) ?? { ...cited, citations: new Map() };
    if (!entry.citations.has(cited.mark)) entry.citations.set(cited.mark, cited);
    found.set(cited.document_id, entry);
  }
  const listed = [...found.values()].map((entry) => ({
    ...entry,
    citations: [...entry.citations.values()].sort((a, b) => a.mark - b.mark),
  }));
  const place = (entry) => [entry.published === null ? 1 : 0, entry.published ?? "", entry.citations[0].mark];
  return listed.sort((a, b) => compare(place(a), place(b)));
}

function compare(a, b) {
  for (let at = 0; at < a.length; at += 1) {
    if (a[at] < b[at]) return -1;
    if (a[at] > b[at]) return 1;
  }
  return 0;
}

// How an answer came about; the same words as `made` in service/api/page.py.
export function made(answer) {
  const took = `in ${seconds(answer.trace.timings_ms.total ?? 0)}`;
  const sources = counted(citedDocuments(answer).length, "document");
  if (answer.kind === "refusal") return `Searched ${took}.`;
  if (answer.kind === "clarification") return `Asked back ${took}.`;
  if (answer.mode === "extractive") return `Quoted from ${sources} ${took}.`;
  return `Composed by ${answer.trace.model} and checked against ${sources}, ${took}.`;
}
