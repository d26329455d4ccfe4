// The view to ask in: one field, and a thread of questions with their answers.

import { AnswerView } from "./answer.js";
import { Failure, asksForKeys, collection, events, here, json } from "./api.js";
import { counted, day } from "./dates.js";
import { all, button, element, foreign, isCalm, one } from "./dom.js";
import { openSession } from "./session.js";

const MOST_TURNS = 50;
const LONGEST_TURN = 8000; // Characters; both are what the server takes.
const MOST_KEPT = 30; // Answers that a reloaded tab shows again.

const form = one("#ask");
const field = one("#question");
const thread = one("#thread");
const send = one("button[type=submit]", form);

let views = [];
let running = null; // What stops the answer under way.
let replaced = null; // The view whose question is being edited.

const say = (text) => {
  const said = one("#said");
  said.append(element("p", {}, text));
  while (said.children.length > 40) said.firstChild.remove();
};

const actions = {
  ask: (text) => ask(text),
  edit: (view) => {
    replaced = view;
    field.value = view.question;
    field.focus();
    tell(element("span", {}, "Editing an earlier question; what follows it is replaced. "), button("Cancel", stopEditing));
  },
  again: (view) => {
    dropFrom(view);
    ask(view.question);
  },
};

function stopEditing() {
  replaced = null;
  field.value = "";
  tell();
}

// A line above the field.
function tell(...parts) {
  one("#told").replaceChildren(...parts);
}

function dropFrom(view) {
  const from = views.indexOf(view);
  if (from < 0) return;
  for (const gone of views.slice(from)) gone.article.remove();
  views = views.slice(0, from);
  keepThread();
}

async function ask(text) {
  if (running || !text.trim()) return;
  if (replaced) {
    dropFrom(replaced);
    stopEditing();
  }
  const view = addView(text, turns(), isWritten());
  const body = { question: text, ...limits(), history: view.history };
  const controller = new AbortController();
  work(controller);
  let answer = null;
  try {
    for await (const [name, data] of events("/v1/ask", { body, signal: controller.signal })) {
      if (name === "error") throw new Failure(0, data.error);
      if (name === "done") answer = data;
      else view.take(name, data);
      if (STAGES[name]) tell(STAGES[name]);
    }
    if (answer === null) throw new Failure(0, { message: "The connection broke before the answer was complete." });
    view.settle(answer);
    keepThread();
  } catch (failure) {
    if (failure.name === "AbortError") view.stop();
    else {
      view.fail(failure instanceof Failure ? failure : new Failure(0, { message: "The page could not show this answer." }));
      if (!(failure instanceof Failure)) throw failure;
    }
  } finally {
    rest();
  }
}

const STAGES = { understood: "Finding passages…", passages: "Reading them…", evidence: "Writing and checking…" };

function work(controller) {
  running = controller;
  field.value = "";
  send.textContent = "Stop";
  send.classList.remove("primary");
  tell("Looking into the record…");
}

function rest() {
  running = null;
  send.textContent = "Ask";
  send.classList.add("primary");
  tell();
}

function limits() {
  const given = new FormData(form);
  const named = ["as_of", "from", "to", "publisher", "mode"].map((name) => [name, given.get(name)]);
  return Object.fromEntries(named.filter(([, value]) => value));
}

function turns() {
  return views
    .filter((view) => view.answer)
    .flatMap((view) => [
      { role: "user", text: view.question.slice(0, LONGEST_TURN) },
      { role: "assistant", text: view.answer.text.slice(0, LONGEST_TURN) },
    ])
    .slice(-MOST_TURNS);
}

// Whether a model is expected to write; when it cannot, the answer quotes after all.
const isWritten = () => document.body.dataset.writes === "yes" && !limits().mode;

function addView(question, history, isWritten) {
  const view = new AnswerView(question, { history, isWritten, actions, say });
  views.push(view);
  thread.append(view.article);
  begun();
  view.article.scrollIntoView({ block: "start", behavior: isCalm() ? "instant" : "smooth" });
  return view;
}

function begun() {
  document.body.classList.add("asked");
  for (const place of all("#suggestions, #holds")) place.hidden = true;
  one("#anew").hidden = false;
}

// The thread of this tab and collection, so that a reload or a look into the record does not lose it.

const threadKey = () => `dateline-thread:${collection() ?? "default"}`;

function keepThread() {
  const ids = views.filter((view) => view.answer).map((view) => view.answer.id);
  sessionStorage.setItem(threadKey(), JSON.stringify(ids.slice(-MOST_KEPT)));
}

function keptThread() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(threadKey()) ?? "[]");
    return Array.isArray(kept) ? kept.filter((id) => /^ans_\w+$/.test(id)) : [];
  } catch {
    return [];
  }
}

async function show(ids) {
  const found = await Promise.allSettled(ids.map((id) => json(`/v1/answers/${encodeURIComponent(id)}`)));
  const gone = found.find((one) => one.status === "rejected");
  if (gone && ids.length === 1) {
    const view = addView("", [], false);
    view.fail(gone.reason);
    return;
  }
  thread.replaceChildren();
  for (const { value } of found.filter((one) => one.status === "fulfilled")) {
    const view = new AnswerView(value.question, { history: turns(), isWritten: false, actions, say: () => null });
    views.push(view);
    thread.append(view.article);
    view.settle(value);
  }
  if (views.length) begun();
}

// An answer under its address may be old: do its quotes still stand?
async function hold(view) {
  const verdict = await json("/v1/verify", { method: "POST", body: { answer_id: view.answer.id } }).catch(() => null);
  if (verdict) view.hold(verdict);
}

async function showStart() {
  const record = await json("/v1/record");
  document.body.dataset.writes = record.chat_model ? "yes" : "no";
  const suggestions = one("#suggestions");
  one("ul", suggestions).replaceChildren(
    ...record.suggestions.map((text) => element("li", {}, foreign(text, "a", { href: here("/", { q: text }) }))),
  );
  suggestions.hidden = views.length > 0 || !record.suggestions.length;
  one("#publishers").replaceChildren(...record.publishers.map((name) => element("option", { value: name })));
  const newest = record.newest ? `, the newest of ${day(record.newest)}` : "";
  one("#holds").textContent = `${counted(record.documents, "document")} in the record${newest}.`;
}

function listen() {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (running) running.abort();
    else ask(field.value);
  });
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    if (!running) form.requestSubmit();
  });
  one("#suggestions").addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    ask(new URL(link.href).searchParams.get("q"));
  });
  form.noValidate = true; // The button that stops is the same, while the field is empty.
  form.prepend(element("div", { class: "above" }, element("p", { id: "told", role: "status" })));
  one("#session").append(button("New thread", anew, { id: "anew", hidden: true }));
}

function anew() {
  running?.abort();
  sessionStorage.removeItem(threadKey());
  location.assign(here("/"));
}

listen();
performance.mark("interactive");
await openSession();
const named = location.pathname.match(/^\/answers\/([^/]+)$/);
const rendered = one("[data-answer]", thread)?.dataset.answer;
const kept = named ? [decodeURIComponent(named[1])] : rendered ? [rendered] : keptThread();
const ids = one(".problem", thread) ? [] : kept;
if (rendered && !named) history.replaceState(null, "", here(`/answers/${rendered}`)); // A reload does not ask again.
if (ids.length) await show(ids);
if (named && views[0]?.answer) await hold(views[0]);
if (asksForKeys() || collection()) await showStart();
if (matchMedia("(pointer: fine)").matches) field.focus({ preventScroll: true });
document.body.dataset.ready = "true";
