// What readers say of an answer: whether the quotes support a sentence, and what is missing.

import { json } from "./api.js";
import { button, element, one } from "./dom.js";

// Beside an open source: do these words support the sentence?
export function judgement(answer, sentence, history) {
  if (!sentence) return null;
  const index = Number(sentence.dataset.index);
  const told = element("span", { class: "quiet", role: "status" });
  const give = (verdict) => send(told, { answer_id: answer.id, verdict, sentence: index, history });
  return element(
    "div",
    { class: "judgement", role: "group", "aria-label": "Your judgement" },
    element("span", {}, "Do these words support the sentence?"),
    button("Yes", () => give("supports")),
    button("No", () => give("does_not_support")),
    told,
  );
}

// Under an answer: what does it lack?
export function askMissing(answer, history) {
  const told = element("span", { class: "quiet", role: "status" });
  const field = element("textarea", { rows: "2", maxlength: "2000", dir: "auto", required: true });
  const form = element(
    "form",
    {
      onsubmit: async (event) => {
        event.preventDefault();
        if (await send(told, { answer_id: answer.id, verdict: "missing", expected: field.value.trim(), history })) menu.open = false;
      },
    },
    element("label", {}, "What does the record say that this answer does not?", field),
    element("button", { class: "primary" }, "Send"),
  );
  const menu = element("details", { class: "menu missing" }, element("summary", {}, "Something is missing"), element("div", {}, form));
  menu.addEventListener("toggle", () => menu.open && one("textarea", menu).focus());
  return [menu, told];
}

async function send(told, body) {
  try {
    await json("/v1/feedback", { method: "POST", body });
    told.textContent = "Thank you, noted.";
    return true;
  } catch (failure) {
    told.textContent = failure.message;
    return false;
  }
}
