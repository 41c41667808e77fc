// What is kept in the browser: one session for each rater of this test.

const prefix = `skeptic-listening:${test.id}:`;
const currentName = `skeptic-listening-now:${test.id}`;
const memory = new Map();

function warn(text) {
  el("warning").textContent = text;
  el("warning").hidden = false;
}

function keep(name, text) {
  memory.set(name, text);
  try {
    if (text === null) localStorage.removeItem(name);
    else localStorage.setItem(name, text);
  } catch {
    warn("This browser keeps nothing for this page: do not close or reload it " +
      "before you have saved your answers.");
  }
}

function kept(name) {
  if (memory.has(name)) return memory.get(name);
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

function sessionOf(rater) {
  try {
    const found = JSON.parse(kept(prefix + rater));
    return found && Array.isArray(found.answers) && isOrder(found.order) ? found : null;
  } catch {
    return null;
  }
}

function isOrder(order) {
  return Array.isArray(order) && new Set(order).size === test.trials.length &&
    order.every((id) => soundOf.has(id));
}

function knownRaters() {
  const names = new Set([...memory.keys()]);
  try {
    for (let k = 0; k < localStorage.length; k += 1) names.add(localStorage.key(k));
  } catch { /* said when something is to be kept */ }
  return [...names].filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length))
    .filter((rater) => sessionOf(rater) !== null).sort();
}

const save = () => keep(prefix + session.rater, JSON.stringify(session));
