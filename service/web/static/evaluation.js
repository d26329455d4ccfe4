// The view of the evaluation. The server renders it where it can; where a key is asked for, the same is made here.

import { Failure, asksForKeys, json } from "./api.js";
import { counted, moment } from "./dates.js";
import { append, element, foreign, one } from "./dom.js";
import { openSession } from "./session.js";

const asked = new URLSearchParams(location.search);

function row(run) {
  if (run.fault) return element("li", {}, foreign(run.name, "strong"), " ", foreign(run.fault, "span", { class: "found" }));
  const told = [run.data_sets.join(", "), run.systems.join(", "), counted(run.cases, "answer")].join(" · ");
  return element(
    "li",
    {},
    foreign(run.name, "a", {
      class: "title",
      href: `/evaluation?${new URLSearchParams({ run: run.name })}#report`,
      "aria-current": run.name === asked.get("run") ? "true" : null,
    }),
    " ",
    element("span", { class: "byline" }, run.started && [element("time", { datetime: run.started }, moment(run.started)), " · "], told),
    run.figures.length > 0 && [" ", element("span", { class: "found" }, run.figures.map((figure) => `${figure.title} ${figure.value}`).join(" · "))],
  );
}

function offerComparison(runs) {
  const form = one("#compare");
  form.hidden = runs.length < 2;
  for (const [name, chosen] of [["run", asked.get("run") ?? runs[0]?.name], ["base", asked.get("base") ?? runs[1]?.name]]) {
    const options = runs.map((run) => element("option", { selected: run.name === chosen }, run.name));
    form.elements[name].replaceChildren(...options);
  }
}

// A link to a report carries what opens it, since a frame sends no key.
function addressOf(run, base) {
  if (!base) return run.url;
  const signature = new URLSearchParams(base.url.split("?")[1]).get("sig");
  return `${run.url}&${new URLSearchParams({ base: base.name, ...(signature && { base_sig: signature }) })}`;
}

function showReport(runs) {
  if (!asked.get("run")) return;
  const names = ["run", "base"].map((name) => asked.get(name));
  const [run, base] = names.map((name) => runs.find((one) => one.name === name));
  const missing = names.find((name) => name && !runs.some((one) => one.name === name));
  if (missing) {
    append(one("#report"), element("p", { class: "problem", role: "alert" }, `There is no run ${missing} that could be shown.`));
    return;
  }
  const address = addressOf(run, base);
  append(one("#report"), [
    element("h2", {}, base ? ["What changed from ", foreign(base.name), " to ", foreign(run.name)] : ["Report on ", foreign(run.name)]),
    element("p", { class: "quiet" }, element("a", { href: address }, "Open it by itself")),
    element("iframe", { src: address, title: base ? "Comparison" : "Report", sandbox: "" }),
  ]);
}

try {
  await openSession();
  if (asksForKeys()) {
    const { runs } = await json("/v1/runs");
    const sound = runs.filter((run) => !run.fault);
    one("#runs").replaceChildren(...runs.map(row));
    one("#none").hidden = runs.length > 0;
    offerComparison(sound);
    showReport(sound);
  }
} catch (failure) {
  one("#evaluation").append(element("p", { class: "problem", role: "alert" }, failure.message));
  if (!(failure instanceof Failure)) throw failure;
} finally {
  document.body.dataset.ready = "true";
}
