// An answer with footnotes, to take elsewhere: as Markdown, as plain text, as HTML.

import { citationsOf, within } from "./citations.js";
import { day } from "./dates.js";
import { element } from "./dom.js";

// What Markdown would read as markup; a document that says ![x](https://…) must not load a picture where it is pasted.
const MARKUP = /[\\`*_{}[\]<>()#+!|~]/g;

const escaped = (text) => text.replace(MARKUP, "\\$&").replace(/\s*\n\s*/g, " ");

export const FORMS = {
  Markdown: { type: "text/plain", of: markdown },
  "Plain text": { type: "text/plain", of: plain },
  HTML: { type: "text/html", of: html },
};

export function markdown(answer, origin) {
  const body = sentences(answer, (text) => escaped(text), (mark) => `[^${mark}]`);
  const notes = footnotes(answer).map((cited) => `[^${cited.mark}]: “${escaped(cited.quote)}” ${escaped(source(cited))}. <${link(cited, origin)}>`);
  return [`**${escaped(answer.question)}**`, body, ...notes].join("\n\n");
}

export function plain(answer, origin) {
  const body = sentences(answer, (text) => text, (mark) => `[${mark}]`);
  const notes = footnotes(answer).map((cited) => `[${cited.mark}] “${cited.quote}” ${source(cited)}. ${link(cited, origin)}`);
  return [answer.question, body, notes.join("\n")].filter(Boolean).join("\n\n");
}

export function html(answer, origin) {
  const paragraph = element("p");
  for (const sentence of answer.sentences) {
    paragraph.append(sentence.text, ...sentence.citations.map((cited) => element("sup", {}, element("a", { href: link(cited, origin) }, `[${cited.mark}]`))), " ");
  }
  if (!answer.sentences.length) paragraph.append(answer.text);
  const notes = footnotes(answer).map((cited) =>
    element("li", { value: cited.mark }, element("q", {}, cited.quote), ` ${source(cited)}. `, element("a", { href: link(cited, origin) }, "Source")),
  );
  return element("div", {}, element("p", {}, element("strong", {}, answer.question)), paragraph, notes.length && element("ol", {}, notes)).innerHTML;
}

export async function copy(answer, form) {
  const { type, of } = FORMS[form];
  const text = of(answer, location.origin);
  if (type === "text/html") {
    const blobs = { "text/html": new Blob([text], { type }), "text/plain": new Blob([plain(answer, location.origin)], { type: "text/plain" }) };
    await navigator.clipboard.write([new ClipboardItem(blobs)]);
  } else await navigator.clipboard.writeText(text);
}

function sentences(answer, worded, marked) {
  if (!answer.sentences.length) return worded(answer.text);
  return answer.sentences.map((one) => `${worded(one.text)} ${one.citations.map((cited) => marked(cited.mark)).join("")}`).join(" ");
}

function footnotes(answer) {
  const found = new Map();
  for (const cited of citationsOf(answer)) if (!found.has(cited.mark)) found.set(cited.mark, cited);
  return [...found.values()].sort((a, b) => a.mark - b.mark);
}

const source = (cited) =>
  [cited.speaker, cited.title, cited.publisher, cited.published ? day(cited.published) : "undated"].filter(Boolean).join(", ");

const link = (cited, origin) => new URL(within(cited.url) ?? "/", origin).href;
