// What readers say of an answer.

export function judgement() {
  return null;
}

export function askMissing() {
  return null;
}
