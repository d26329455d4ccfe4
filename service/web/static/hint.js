// The quote behind a citation mark, shown beside it while a pointer or the focus is on it.

import { byline } from "./citations.js";
import { element, foreign, one } from "./dom.js";

const WAIT_MS = 120; // A pointer that only passes by opens nothing.
const GAP = 8;

let waiting = 0;

function hint() {
  return (
    one("#hint") ??
    one("main").appendChild(
      element("div", { id: "hint", class: "hint", role: "tooltip", popover: "manual", onmouseenter: () => clearTimeout(waiting), onmouseleave: hideSoon }),
    )
  );
}

export function explain(mark, cited) {
  mark.addEventListener("mouseenter", () => showSoon(mark, cited));
  mark.addEventListener("mouseleave", hideSoon);
  mark.addEventListener("focus", () => mark.matches(":focus-visible") && show(mark, cited));
  mark.addEventListener("blur", hide);
  return mark;
}

export function hide() {
  clearTimeout(waiting);
  const shown = one("#hint");
  if (!shown?.matches(":popover-open")) return false;
  shown.hidePopover();
  one("[aria-describedby=hint]")?.removeAttribute("aria-describedby");
  return true;
}

function showSoon(mark, cited) {
  clearTimeout(waiting);
  waiting = setTimeout(() => show(mark, cited), WAIT_MS);
}

function hideSoon() {
  clearTimeout(waiting);
  waiting = setTimeout(hide, WAIT_MS);
}

function show(mark, cited) {
  hide();
  const box = hint();
  box.replaceChildren(foreign(cited.quote, "q"), byline(cited));
  box.showPopover();
  mark.setAttribute("aria-describedby", "hint");
  const at = mark.getBoundingClientRect();
  const width = box.offsetWidth;
  const above = at.top - box.offsetHeight - GAP;
  box.style.left = `${Math.max(GAP, Math.min(at.left - width / 2, innerWidth - width - GAP))}px`;
  box.style.top = `${above >= GAP ? above : at.bottom + GAP}px`;
}

document.addEventListener("scroll", hide, { passive: true, capture: true });
