// Elements, built from names and texts: what documents and models say only ever becomes a text node.

export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  append(made, children);
  return made;
}

export function append(parent, children) {
  for (const child of [children].flat(Infinity)) {
    if (child === null || child === undefined || child === false || child === "") continue;
    parent.append(child); // A string becomes a text node.
  }
}

// Text that somebody else wrote, in whichever direction it is written.
export function foreign(text, name = "span", properties = {}) {
  return element(name, { dir: "auto", ...properties }, text);
}

export function button(label, onclick, properties = {}) {
  return element("button", { type: "button", onclick, ...properties }, label);
}

const SVG = "http://www.w3.org/2000/svg";

export function drawing(name, properties = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(properties)) made.setAttribute(key, value);
  append(made, children);
  return made;
}

export const one = (selector, within = document) => within.querySelector(selector);
export const all = (selector, within = document) => [...within.querySelectorAll(selector)];

export const isCalm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
