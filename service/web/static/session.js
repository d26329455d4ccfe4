// Who reads, and in which collection: asks for a key where the server does, and keeps it as long as the tab is open.

import { asksForKeys, collection, here, json, key, useCollection, useKey } from "./api.js";
import { button, element, one } from "./dom.js";

// Settles when requests can be sent.
export async function openSession() {
  const named = new URLSearchParams(location.search).get("collection");
  if (named !== null || /^\/(answers|record)\/./.test(location.pathname)) useCollection(/^[a-z0-9-]+$/.test(named ?? "") ? named : "default"); // What an address names is in one.
  if (asksForKeys() && !key()) await askForKey("");
  document.addEventListener("key-refused", () => {
    if (!one("dialog.key")) askForKey("The server does not know this key, or not any more.").then(() => location.reload());
  });
  await showCollections();
}

function askForKey(problem) {
  return new Promise((settle) => {
    const field = element("input", { id: "key", type: "password", required: true, autocomplete: "off", spellcheck: "false" });
    const dialog = element(
      "dialog",
      { class: "key", "aria-labelledby": "key-title" },
      element(
        "form",
        {
          method: "dialog",
          onsubmit: () => {
            useKey(field.value.trim());
            dialog.remove();
            settle();
          },
        },
        element("h2", { id: "key-title" }, "This server asks for a key"),
        problem && element("p", { class: "problem", role: "alert" }, problem),
        element("p", {}, "It is kept in this tab alone, and forgotten when the tab is closed."),
        element("label", { for: "key" }, "Key"),
        field,
        element("button", { class: "primary" }, "Use this key"),
      ),
    );
    dialog.addEventListener("cancel", (event) => event.preventDefault()); // Nothing can be read without one.
    document.body.append(dialog);
    dialog.showModal();
  });
}

async function showCollections() {
  const place = one("#session");
  if (asksForKeys()) {
    place.append(
      button("Forget the key", () => {
        useKey(null);
        location.assign("/");
      }),
    );
  }
  const listed = await json("/v1/collections").catch(() => ({ collections: [] }));
  const names = listed.collections.map((one) => one.name);
  if (!names.length) return;
  const chosen = names.includes(collection() ?? "default") ? (collection() ?? "default") : names[0];
  useCollection(chosen);
  if (names.length === 1 && chosen === "default") return;
  const choice = element(
    "select",
    {
      "aria-label": "Collection",
      onchange: () => {
        useCollection(choice.value);
        location.assign(here(location.pathname.startsWith("/record") ? "/record" : "/"));
      },
    },
    names.map((name) => element("option", { value: name, selected: name === chosen }, name)),
  );
  place.prepend(choice);
}
