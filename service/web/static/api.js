// Requests to the server that the page came from, with the key and the collection that its reader chose.

export class Failure extends Error {
  constructor(status, { message, code = "", param = null }) {
    super(message);
    this.status = status;
    this.code = code;
    this.param = param;
  }
}

const KEY = "dateline-key";
const COLLECTION = "dateline-collection";

export const asksForKeys = () => document.body.dataset.keys === "required";
export const key = () => sessionStorage.getItem(KEY);
export const collection = () => sessionStorage.getItem(COLLECTION);

export function useKey(value) {
  keep(KEY, value);
}

export function useCollection(name) {
  keep(COLLECTION, name === "default" ? null : name);
}

function keep(name, value) {
  if (value) sessionStorage.setItem(name, value);
  else sessionStorage.removeItem(name);
}

// The address of a page of the collection that is shown: whoever gets it sees the same.
export function here(path, query = {}) {
  const named = collection() ? { ...query, collection: collection() } : query;
  const written = new URLSearchParams(named).toString();
  return written ? `${path}?${written}` : path;
}

export async function request(path, { method = "GET", body, accept = "application/json", headers = {}, signal } = {}) {
  const sent = { Accept: accept, ...headers };
  if (key()) sent.Authorization = `Bearer ${key()}`;
  if (collection()) sent["X-Dateline-Collection"] = collection();
  const isForm = body instanceof FormData;
  if (body !== undefined && !isForm) sent["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: sent,
      body: body === undefined || isForm ? body : JSON.stringify(body),
      signal,
      credentials: "omit",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure(0, { message: "The server cannot be reached. Is it running?", code: "unreachable" });
  }
  if (!response.ok) throw await failureOf(response);
  return response;
}

export async function json(path, options) {
  const response = await request(path, options);
  return response.status === 204 ? null : response.json();
}

async function failureOf(response) {
  const told = await response.json().catch(() => null);
  if (response.status === 401) document.dispatchEvent(new CustomEvent("key-refused"));
  return new Failure(response.status, told?.error ?? { message: `The server answered ${response.status}.` });
}

// Server-sent events of one request: pairs of name and data, comments left out.
export async function* events(path, options) {
  const response = await request(path, { ...options, method: "POST", accept: "text/event-stream" });
  const lines = new Lines();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let name = "message";
  let data = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      for (const line of lines.of(value)) {
        if (line === "") {
          if (data.length) yield [name, JSON.parse(data.join("\n"))];
          [name, data] = ["message", []];
        } else if (line.startsWith("event: ")) name = line.slice(7);
        else if (line.startsWith("data: ")) data.push(line.slice(6));
      }
    }
  } finally {
    await reader.cancel().catch(() => null);
  }
}

class Lines {
  #rest = "";

  *of(chunk) {
    const parts = (this.#rest + chunk).split("\n");
    this.#rest = parts.pop();
    yield* parts;
  }
}
