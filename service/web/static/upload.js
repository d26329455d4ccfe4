// Files for the record, dropped or chosen, and addresses: each is sent, then read by a job, and says how far it is or why it failed.

import { here, json } from "./api.js";
import { counted } from "./dates.js";
import { element, foreign, one } from "./dom.js";

const AT_ONCE = 3;
const FIRST_LOOK_MS = 150;
const LAST_LOOK_MS = 2000;

const ofFile = (file) => ({
  name: file.name,
  body: () => {
    const form = new FormData();
    form.append("file", file, file.name);
    return form;
  },
});
const ofAddress = (url) => ({ name: url, body: () => ({ url }) });

// Makes the part of the page that takes documents work; `onRead` is called when some were added.
export function offerUpload(zone, onRead) {
  const [input, address, list] = ["#files", "#address", ".sending"].map((selector) => one(selector, zone));
  const take = sender(list, onRead);
  one("form", zone).addEventListener("submit", (event) => {
    event.preventDefault();
    take([ofAddress(address.value)]);
    address.value = "";
  });
  input.addEventListener("change", () => {
    take([...input.files].map(ofFile));
    input.value = "";
  });
  const root = document.documentElement;
  const holdsFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  root.addEventListener("dragover", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    zone.classList.add("over");
  });
  root.addEventListener("dragleave", (event) => event.relatedTarget === null && zone.classList.remove("over"));
  root.addEventListener("drop", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    zone.classList.remove("over");
    take([...event.dataTransfer.files].map(ofFile));
  });
}

function sender(list, onRead) {
  const waiting = [];
  let active = 0;
  const next = async () => {
    if (active >= AT_ONCE || !waiting.length) return;
    active += 1;
    const send = waiting.shift();
    if (await send()) onRead();
    active -= 1;
    next();
  };
  return (sources) => {
    for (const source of sources) {
      const line = new Line(source);
      list.append(line.item);
      waiting.push(() => line.send());
      next();
    }
  };
}

class Line {
  #state = element("span", { class: "state" }, "Waiting");
  #progress = element("progress", { max: "1", value: "0" });

  #source;

  // `source` has a `name`, and a `body` to send.
  constructor(source) {
    this.#source = source;
    this.#progress.setAttribute("aria-label", `Progress of ${source.name}`);
    this.item = element("li", {}, foreign(source.name, "span", { class: "file" }), " ", this.#progress, " ", this.#state);
  }

  // Returns whether documents were added.
  async send() {
    try {
      this.#tell("Sending", null);
      return await this.#follow(await json("/v1/documents", { method: "POST", body: this.#source.body() }));
    } catch (failure) {
      this.#fail(failure.message);
      return false;
    }
  }

  async #follow(job) {
    let current = job;
    for (let wait = FIRST_LOOK_MS; ; wait = Math.min(wait * 1.5, LAST_LOOK_MS)) {
      if (current.state === "done") return this.#done(current);
      if (current.state === "failed" || current.state === "interrupted") {
        this.#fail(current.reason?.message ?? "It could not be read.");
        return false;
      }
      const { done, total } = current.progress ?? {};
      this.#tell(current.state === "queued" ? "Waiting to be read" : total > 1 ? `Reading, ${done} of ${total}` : "Reading", total ? done / total : null);
      await new Promise((settle) => setTimeout(settle, wait));
      current = await json(`/v1/jobs/${encodeURIComponent(job.job_id)}`);
    }
  }

  #done(job) {
    const parts = [
      job.added && `${counted(job.added, "document")} added`,
      job.updated && `${counted(job.updated, "new version")}`,
      job.unchanged && `${counted(job.unchanged, "document")} already here`,
      job.failures.length && `${counted(job.failures.length, "part")} could not be read: ${job.failures[0].message}`,
    ].filter(Boolean);
    this.#end(parts.join(", ") || "Nothing new");
    const [first] = job.documents;
    if (first) this.#state.append(" ", element("a", { href: here(`/record/${encodeURIComponent(first.document_id)}`) }, "Read it"));
    return job.added + job.updated > 0;
  }

  #tell(state, value) {
    this.#state.textContent = state;
    if (value === null) this.#progress.removeAttribute("value");
    else this.#progress.value = value;
  }

  #fail(reason) {
    this.#end(reason);
    this.item.classList.add("failed");
  }

  #end(told) {
    one("progress", this.item)?.remove();
    this.#state.textContent = told;
  }
}
