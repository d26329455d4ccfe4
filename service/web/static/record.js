// The view of the record: a list to search and filter, documents sent by drop, and one document to read.

import { Failure, here, json, request } from "./api.js";
import { byline, within } from "./citations.js";
import { counted, day } from "./dates.js";
import { append, button, element, foreign, one } from "./dom.js";
import { documentOf, paragraphs } from "./source.js";
import { openSession } from "./session.js";
import { offerUpload } from "./upload.js";

const PER_PAGE = 50;
const FOUND = 30; // Passages; documents are fewer.

const place = one("#record");
const asked = new URLSearchParams(location.search);

const addressOf = (document, query) => here(`/record/${encodeURIComponent(document.document_id)}`, query);

// The list

async function showList() {
  const limits = Object.fromEntries(["from", "to", "publisher"].map((name) => [name, asked.get(name)]).filter(([, value]) => value));
  const query = asked.get("q")?.trim();
  const { rows, total, more } = query ? await found(query, limits) : await listed(limits);
  one("#documents").replaceChildren(...rows);
  one("#total").textContent = total === null ? counted(rows.length, "document") + " with these words" : counted(total, "document");
  one(".more")?.remove();
  if (more) place.append(element("p", { class: "more" }, element("a", { href: more }, "More documents")));
}

async function listed(limits) {
  const offset = Number.parseInt(asked.get("offset") ?? "0", 10) || 0;
  const body = await json(`/v1/documents?${new URLSearchParams({ ...limits, limit: PER_PAGE, offset })}`);
  const after = offset + PER_PAGE;
  return {
    rows: body.documents.map((document) => row(document)),
    total: body.total,
    more: after < body.total ? here("/record", { ...limits, offset: after }) : null,
  };
}

async function found(query, limits) {
  const body = await json("/v1/search", { method: "POST", body: { query, limit: FOUND, ...limits } });
  const best = new Map();
  for (const passage of body.passages) if (!best.has(passage.document_id)) best.set(passage.document_id, passage);
  return { rows: [...best.values()].map((passage) => row(passage, passage.quote)), total: null, more: null };
}

function row(document, words) {
  return element(
    "li",
    {},
    foreign(document.title || document.opening || "Untitled document", "a", { class: "title", href: addressOf(document) }),
    " ",
    byline(document),
    document.title && document.opening && [" ", foreign(document.opening, "span", { class: "opening" })],
    words && [" ", foreign(words, "span", { class: "found" })],
    document.duplicate_of && [" ", element("span", { class: "quiet" }, document.duplicate_kind === "exact" ? "A copy of another document." : "Nearly the same as another document.")],
  );
}

// One document

async function showDocument(documentId) {
  const document = await documentOf(documentId, asked.get("version"));
  const newest = document.versions.at(-1);
  window.document.title = `${document.title ?? "Untitled document"} – Dateline`;
  const text = element("article", { class: "told reading", lang: document.language ?? "" });
  append(text, [
    foreign(document.title || "Untitled document", "h1"),
    element("p", {}, byline(document), original(document.source_uri)),
    newest && newest.version !== document.version && element("p", { class: "notice" }, `This is version ${document.version}. It was replaced by `, element("a", { href: addressOf(document) }, `version ${newest.version}`), "."),
    document.duplicate_of && element("p", { class: "notice" }, document.duplicate_kind === "exact" ? "A copy of " : "Nearly the same as ", element("a", { href: addressOf({ document_id: document.duplicate_of }) }, "another document"), "."),
    element("div", { class: "whole" }, wholeText(document)),
  ]);
  const aside = element("aside", { class: "sources", "aria-label": "About this document" }, versions(document), element("section", { class: "citing" }), button("Delete…", () => confirmDeletion(document), { class: "delete" }));
  place.replaceChildren(element("p", { class: "back" }, element("a", { href: here("/record") }, "‹ All documents")), element("div", { class: "answer" }, text, aside));
  showAnswers(document, one(".citing", aside));
}

const LONGEST = 400_000; // Characters; a longer document is laid out by the server's own page.

function wholeText(document) {
  if (document.text.length > LONGEST) {
    return [paragraphs(document.text.slice(0, LONGEST), 0, 0), element("p", {}, element("a", { href: within(document.url) }, "The rest of this long document"))];
  }
  return paragraphs(document.text, 0, 0);
}

function original(uri) {
  if (!/^https?:\/\//.test(uri)) return ""; // Other schemes are no use to a reader, and `javascript:` would be worse.
  return [" · ", element("a", { href: uri, rel: "noreferrer noopener nofollow" }, "original")];
}

function versions(document) {
  return element(
    "section",
    {},
    element("h2", {}, "Versions"),
    element(
      "ol",
      { class: "timeline" },
      document.versions.toReversed().map((version) =>
        element(
          "li",
          {},
          version.published ? element("time", { datetime: version.published }, day(version.published)) : element("span", { class: "undated" }, "undated"),
          " ",
          version.version === document.version
            ? element("strong", {}, `Version ${version.version}`)
            : element("a", { href: addressOf(document, { version: version.version }) }, `Version ${version.version}`),
        ),
      ),
    ),
  );
}

async function showAnswers(document, into) {
  const { answers } = await json(`/v1/answers?${new URLSearchParams({ cites: document.document_id })}`).catch(() => ({ answers: [] }));
  append(into, [
    element("h2", {}, "Answers that cite it"),
    answers.length
      ? element("ul", { class: "plain" }, answers.map((answer) => element("li", {}, foreign(answer.question, "a", { href: here(`/answers/${encodeURIComponent(answer.id)}`) }))))
      : element("p", { class: "quiet" }, "None yet."),
  ]);
}

function confirmDeletion(document) {
  const problem = element("p", { class: "problem", role: "alert", hidden: true });
  const dialog = element(
    "dialog",
    { "aria-labelledby": "delete-title", onclose: () => dialog.remove() },
    element("h2", { id: "delete-title" }, "Delete this document?"),
    foreign(document.title || "Untitled document", "p"),
    element("p", {}, "It is found and cited no more, in no version, and answers that cite it cannot be shown again."),
    problem,
    element(
      "p",
      { class: "actions" },
      button("Keep it", () => dialog.close(), { autofocus: true }),
      button(
        "Delete it",
        async () => {
          try {
            await request(`/v1/documents/${encodeURIComponent(document.document_id)}`, { method: "DELETE" });
            location.assign(here("/record"));
          } catch (failure) {
            problem.textContent = failure.message;
            problem.hidden = false;
          }
        },
        { class: "danger" },
      ),
    ),
  );
  window.document.body.append(dialog);
  dialog.showModal();
}

await openSession();
const named = location.pathname.match(/^\/record\/(.+)$/);
try {
  if (named) await showDocument(decodeURIComponent(named[1]));
  else {
    const overview = await json("/v1/record");
    one("#publishers").replaceChildren(...overview.publishers.map((name) => element("option", { value: name })));
    if (overview.takes_documents) {
      one(".drop").hidden = false;
      offerUpload(one(".drop"), showList);
    }
    await showList();
  }
} catch (failure) {
  if (!one(".problem", place)) place.append(element("p", { class: "problem", role: "alert" }, failure.message));
  if (!(failure instanceof Failure)) throw failure;
} finally {
  document.body.dataset.ready = "true";
}
