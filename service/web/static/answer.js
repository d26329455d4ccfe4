// One question and what becomes of it: quotes at once, sentences as they are checked, then the whole answer.
// The structure of a whole answer is that of service/web/answer.html.j2.

import { here } from "./api.js";
import { FORMS, copy } from "./copy.js";
import { byline, citedDocuments, made, mark, nameOf, within } from "./citations.js";
import { counted, day, duration, scopeText } from "./dates.js";
import { all, append, button, drawing, element, foreign, one } from "./dom.js";
import { askMissing, judgement } from "./feedback.js";
import { explain, hide } from "./hint.js";
import "./source.js";
import words from "./words.json" with { type: "json" };

const STANDS = ["unchanged", "moved"];

export class AnswerView {
  #told;
  #sentences;
  #aside;
  #rest = null; // What stands in the aside while no source is open.
  #opened = null;

  // `history` is what was said before; `actions` has `ask(text)`, `edit(view)` and `again(view)`; `say(text)` speaks to screen readers.
  constructor(question, { history, isWritten, actions, say }) {
    this.question = question;
    this.history = history; // The messages before it.
    this.answer = null;
    this.actions = actions;
    this.say = say;
    this.#sentences = element("div", { class: "sentences" });
    this.#told = element("div", { class: "told" }, foreign(question, "h2", { class: "question", tabindex: "-1" }), this.#sentences);
    this.#aside = element("aside", { class: "sources", "aria-label": "Cited documents" });
    this.article = element("article", { class: `answer pending ${isWritten ? "model" : "extractive"}`, "aria-busy": "true", onkeydown: (event) => this.#key(event) }, this.#told, this.#aside);
  }

  // One event of the stream, but the last.
  take(name, data) {
    if (name === "evidence" && data.evidence.length) this.#showFound(data.evidence[0]);
    if (name === "sentence") this.#showSentence(data);
  }

  #showFound(piece) {
    const cited = { ...piece, mark: "•", copies: piece.copies };
    this.#sentences.replaceChildren(
      element("div", { class: "found" }, element("p", { class: "label" }, "Found in the record"), foreign(piece.quote, "blockquote"), element("p", { class: "from" }, byline(cited))),
    );
  }

  #showSentence(sentence) {
    if (one(".found", this.#sentences)) this.#sentences.replaceChildren();
    append(this.#sentences, [this.#sentence(sentence, this.article.classList.contains("extractive"), this.#sentences.children.length), " "]);
    this.say(sentence.text);
  }

  // The whole answer, streamed or kept.
  settle(answer) {
    this.answer = answer;
    this.article.dataset.answer = answer.id;
    this.article.className = `answer ${answer.kind} ${answer.mode ?? ""}`.trim();
    this.article.removeAttribute("aria-busy");
    const shown = all(".sentence", this.#sentences).length;
    const isSame = shown === answer.sentences.length && shown > 0;
    if (!isSame) this.#sentences.replaceChildren(...answer.sentences.flatMap((sentence, index) => [this.#sentence(sentence, answer.mode === "extractive", index), " "]));
    if (!answer.sentences.length) this.#sentences.remove();
    append(this.#told, this.#parts(answer));
    this.#rest = timeline(answer, (cited) => this.#mark(cited));
    this.#aside.replaceChildren(...this.#rest);
    this.say(this.#summary(answer));
  }

  // What `/v1/verify` says of the whole answer.
  hold({ citations }) {
    if (citations.length) one(".made", this.#told).after(...standing(citations));
  }

  fail(failure) {
    this.article.removeAttribute("aria-busy");
    this.article.classList.remove("pending");
    one(".found", this.#sentences)?.remove();
    append(this.#told, [
      element("p", { class: "problem", role: "alert" }, failure.message),
      element("p", { class: "actions" }, button("Try again", () => this.actions.again(this)), button("Edit", () => this.actions.edit(this))),
    ]);
  }

  stop() {
    this.article.removeAttribute("aria-busy");
    this.article.classList.remove("pending");
    append(this.#told, [
      element("p", { class: "notice" }, "Stopped. What was checked until then stands."),
      element("p", { class: "actions" }, button("Ask again", () => this.actions.again(this)), button("Edit", () => this.actions.edit(this))),
    ]);
  }

  #sentence(sentence, isQuoted, index) {
    return element(
      "span",
      { class: "sentence", "data-index": String(index) },
      foreign(sentence.text, "span", { class: "words" }),
      sentence.citations.map((cited) => [" ", this.#mark(cited)]),
      isQuoted && [" ", byline(sentence.citations[0])],
    );
  }

  #mark(cited) {
    return explain(mark(cited, (_, link) => this.#open(cited, link)), cited);
  }

  #quoted(cited) {
    return [foreign(cited.quote, "blockquote"), element("p", { class: "from" }, byline(cited), " ", this.#mark(cited))];
  }

  #parts(answer) {
    const scope = scopeText(answer.trace.time_scope);
    if (scope) one(".question", this.#told).after(element("p", { class: "scope" }, scope));
    return [
      answer.refusal && this.#refused(answer.refusal),
      answer.clarification && this.#askedBack(answer.clarification),
      answer.conflicts.map((conflict) => this.#conflict(conflict)),
      answer.superseded.length > 0 && this.#superseded(answer.superseded),
      answer.refusal?.nearest.length > 0 &&
        element("section", { class: "nearest", "aria-label": "Nearest passages" }, element("h3", {}, "Nearest passages"), answer.refusal.nearest.map((cited) => this.#quoted(cited))),
      answer.withheld.length > 0 && withheld(answer.withheld),
      answer.trace.notes.length > 0 && element("ul", { class: "notes" }, answer.trace.notes.map((note) => element("li", {}, note))),
      element("p", { class: "made" }, made(answer), " ", element("a", { class: "permalink", href: here(`/answers/${answer.id}`) }, "Link to this answer")),
      this.#actions(answer),
      how(answer),
    ];
  }

  #refused(refusal) {
    return [element("p", { class: "verdict" }, refusal.message), element("p", { class: "quiet" }, words.refusal[refusal.reason])];
  }

  #askedBack(asked) {
    return [
      foreign(asked.question, "p", { class: "verdict" }),
      element(
        "ul",
        { class: "options" },
        asked.options.map((option) =>
          element("li", {}, foreign(option.text, "button", { type: "button", onclick: () => this.actions.ask(option.text) }), " ", this.#mark(option.citation), " ", byline(option.citation)),
        ),
      ),
    ];
  }

  #conflict(conflict) {
    return element(
      "section",
      { class: "conflict", "aria-label": "Sources disagree" },
      element("h3", {}, "Sources disagree"),
      element(
        "div",
        { class: "sides" },
        conflict.sides.map((side) => element("div", { class: "side" }, foreign(side.value, "p", { class: "value" }), side.citations.map((cited) => this.#quoted(cited)))),
      ),
    );
  }

  #superseded(list) {
    return element(
      "section",
      { class: "superseded", "aria-label": "What was replaced" },
      element("h3", {}, "Replaced"),
      element(
        "ul",
        {},
        list.map((entry) =>
          element("li", {}, foreign(entry.was, "del"), " ", byline(entry.replaced), " ", this.#mark(entry.replaced), " ", foreign(entry.now, "ins"), " ", byline(entry.by), " ", this.#mark(entry.by)),
        ),
      ),
    );
  }

  #actions(answer) {
    const copied = element("span", { class: "unseen", role: "status" });
    const menu = element(
      "details",
      { class: "menu" },
      element("summary", {}, "Copy"),
      element(
        "div",
        {},
        Object.keys(FORMS).map((form) =>
          button(form, async () => {
            menu.open = false;
            one("summary", menu).focus();
            copied.textContent = await copy(answer, form).then(() => `Copied as ${form}.`, () => "The browser did not let the page copy.");
          }),
        ),
      ),
    );
    return element(
      "div",
      { class: "actions", role: "group", "aria-label": "This answer" },
      menu,
      button("Edit", () => this.actions.edit(this)),
      button("Ask again", () => this.actions.again(this)),
      askMissing(answer, this.history),
      copied,
    );
  }

  #summary(answer) {
    if (answer.refusal) return answer.refusal.message;
    if (answer.clarification) return answer.clarification.question;
    return `${counted(answer.sentences.length, "sentence")}. ${made(answer)}`;
  }

  // The sources, and the steps between them.

  get #marks() {
    return all("a.mark", this.#told);
  }

  #open(cited, link) {
    hide();
    const view = one("source-view", this.#aside) ?? element("source-view");
    if (!view.isConnected) this.#aside.replaceChildren(view);
    this.#current?.removeAttribute("aria-current");
    this.#opened = { cited, link };
    link.setAttribute("aria-current", "true");
    const marks = this.#marks;
    const position = marks.indexOf(link);
    view.show(cited, {
      position: position < 0 ? marks.findIndex((one) => one.textContent === String(cited.mark)) : position,
      count: marks.length,
      onStep: (by) => this.#step(by, { open: true }),
      onClose: () => this.#close(),
      judge: this.answer && judgement(this.answer, link.closest(".sentence"), this.history),
    });
    this.#aside.classList.add("open");
    if (getComputedStyle(this.article).gridTemplateColumns.split(" ").length < 2) view.scrollIntoView({ block: "start" }); // Below the text.
  }

  get #current() {
    return this.#opened?.link ?? null;
  }

  #close() {
    if (!this.#opened) return false;
    const { link } = this.#opened;
    link.removeAttribute("aria-current");
    this.#opened = null;
    this.#aside.classList.remove("open");
    this.#aside.replaceChildren(...(this.#rest ?? []));
    (link.isConnected ? link : one(".question", this.#told)).focus({ preventScroll: true });
    return true;
  }

  #step(by, { open }) {
    const marks = this.#marks;
    const from = marks.indexOf(this.#current ?? document.activeElement);
    const next = marks[from < 0 ? (by > 0 ? 0 : marks.length - 1) : from + by];
    if (!next) return;
    if (open) next.click();
    if (!open || this.#aside.contains(document.activeElement) === false) next.focus();
  }

  #closeMenu() {
    const menu = one(".menu[open]", this.article);
    if (!menu) return false;
    menu.open = false;
    one("summary", menu).focus();
    return true;
  }

  #key(event) {
    const isWriting = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) && event.key !== "Escape";
    if (event.ctrlKey || event.metaKey || event.altKey || isWriting) return;
    const by = { j: 1, ArrowRight: 1, k: -1, ArrowLeft: -1 }[event.key];
    if (by) this.#step(by, { open: this.#opened !== null });
    else if (event.key !== "Escape" || ![hide(), this.#closeMenu(), this.#close()].includes(true)) return;
    event.preventDefault();
  }
}

document.addEventListener("click", (event) => {
  for (const menu of all(".menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});

function withheld(list) {
  return element(
    "details",
    { class: "withheld" },
    element("summary", {}, `${counted(list.length, "sentence")} ${list.length === 1 ? "was" : "were"} withheld: not supported by the record`),
    element("ul", {}, list.map((entry) => element("li", {}, foreign(entry.text, "q"), " ", words.withheld[entry.reason] ?? entry.reason))),
  );
}

// Whether the quotes of a kept answer stand in the record as it is now; the same words as `still_stands` in service/api/page.py.
function standing(citations) {
  const lost = citations.filter((cited) => !STANDS.includes(cited.status)).length;
  const summary = lost
    ? `The record has changed: ${lost} of ${counted(citations.length, "quote")} no longer stand${lost === 1 ? "s" : ""}.`
    : `Its ${citations.length === 1 ? "quote stands" : "quotes stand"} in the record as it is now.`;
  const told = citations.filter((cited) => cited.status !== "unchanged");
  const place = (cited) => (within(cited.url) ? element("a", { href: within(cited.url) }, `Source ${cited.mark}`) : `Source ${cited.mark}`);
  return [
    element("p", { class: lost ? "notice" : "quiet" }, summary),
    told.length > 0 && element("ul", { class: "standing" }, told.map((cited) => element("li", {}, place(cited), ` ${words.standing[cited.status]}.`))),
  ].filter(Boolean);
}

// The cited documents in the order of time.
function timeline(answer, marked) {
  const documents = citedDocuments(answer);
  if (!documents.length) return [];
  return [
    element("h3", {}, "Cited documents"),
    element(
      "ol",
      { class: "timeline" },
      documents.map((entry) =>
        element(
          "li",
          {},
          entry.published ? element("time", { datetime: entry.published }, day(entry.published)) : element("span", { class: "undated" }, "undated"),
          " ",
          element(
            "span",
            { class: "document" },
            foreign(nameOf(entry), "a", { href: within(entry.url) }),
            entry.title && entry.publisher && [" ", foreign(entry.publisher)],
            entry.citations.map((cited) => [" ", marked(cited)]),
          ),
          entry.copies.length > 0 && [
            " ",
            element("span", { class: "copies" }, "Also in ", entry.copies.map((copied, at) => [at ? ", " : "", foreign(copied.publisher || copied.title || "Untitled document", "a", { href: within(copied.url) })])),
          ],
        ),
      ),
    ),
  ];
}

// How long each stage took, and what the answer was made from.
function how(answer) {
  const { trace } = answer;
  const stages = Object.keys(words.stages).filter((name) => trace.timings_ms[name] > 0);
  const total = stages.reduce((sum, name) => sum + trace.timings_ms[name], 0) || 1;
  let at = 0;
  const bars = stages.map((name) => {
    const width = (100 * trace.timings_ms[name]) / total;
    const bar = drawing("rect", { class: `stage ${name}`, x: at, y: 0, width, height: 6 });
    at += width;
    return bar;
  });
  return element(
    "details",
    { class: "how" },
    element("summary", {}, "How this was made"),
    drawing("svg", { class: "bar", viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" }, bars),
    element(
      "dl",
      {},
      stages.map((name) => element("div", { class: name }, element("dt", {}, words.stages[name]), element("dd", {}, duration(trace.timings_ms[name])))),
      element("div", {}, element("dt", {}, "Searched for"), foreign(trace.stand_alone_question, "dd")),
      element("div", {}, element("dt", {}, "Passages found"), element("dd", {}, String(trace.passages.length))),
      trace.model && element("div", {}, element("dt", {}, "Model"), element("dd", {}, trace.model)),
      trace.model && element("div", {}, element("dt", {}, "Tokens read, written"), element("dd", {}, `${trace.usage.prompt_tokens}, ${trace.usage.completion_tokens}`)),
    ),
  );
}
