// The screen with a clip: listen, answer, next.

function showEmotions() { // in an order of the rater's own, so that no place is favoured
  const order = shuffled(test.emotions, generator(`${session.rater} ${test.id}`));
  el("last-key").textContent = String(order.length);
  el("emotions").replaceChildren(...order.map((emotion, k) => {
    const label = document.createElement("label");
    const input = document.createElement("input");
    const name = document.createElement("span");
    const key = document.createElement("kbd");
    input.type = "radio";
    input.name = "emotion";
    input.value = emotion;
    name.textContent = emotion;
    key.textContent = String(k + 1);
    key.setAttribute("aria-hidden", "true");
    label.append(input, name, key);
    return label;
  }));
}

function showTrial() {
  const number = session.answers.length;
  const count = session.order.length;
  show("trial");
  el("trial-title").textContent = `Clip ${number + 1} of ${count}`;
  el("who").textContent = session.rater;
  el("done").value = number;
  el("next").textContent = number + 1 < count ? "Next clip" : "Finish";
  el("missing").textContent = "";
  el("answer").reset();
  for (const scale of scales) unset(el(scale));
  el("answers").disabled = true;
  el("gate").textContent =
    `Listen for ${(test.minimum_ms / 1000).toLocaleString("en")} s, then answer.`;
  el("position").value = 0;
  plays = 0;
  shown = performance.now();
  sound.src = soundOf.get(session.order[number]);
  sound.load();
  showPlaying();
  el("play").focus();
}

function heardMs() { // what was heard twice counts once
  let seconds = 0;
  for (let k = 0; k < sound.played.length; k += 1) {
    seconds += sound.played.end(k) - sound.played.start(k);
  }
  return Math.round(1000 * seconds);
}

function listen() {
  if (session === null) return;
  if (sound.duration > 0) el("position").value = sound.currentTime / sound.duration;
  if (el("answers").disabled && heardMs() >= test.minimum_ms) {
    el("answers").disabled = false;
    el("gate").textContent = "You can answer now.";
    el("missing").textContent = "";
  }
}

function showPlaying() {
  const playing = !sound.paused && !sound.ended;
  el("play-sign").setAttribute("d", playing ? "M6 4h4v16H6zM14 4h4v16h-4z"
    : "M7 4v16l13-8z");
  el("play-label").textContent = playing ? "Pause"
    : sound.ended ? "Play again" : plays ? "Go on" : "Play";
}

function togglePlay() {
  if (!sound.paused && !sound.ended) {
    sound.pause();
    return;
  }
  if (sound.ended || plays === 0) plays += 1;
  sound.play().catch(() => {
    el("gate").textContent = "The clip cannot be played in this browser.";
  });
}

function unset(input) {
  input.value = "0";
  input.dataset.set = "";
  input.classList.add("unset");
  input.setAttribute("aria-valuetext", "not set");
  el(`${input.id}-value`).textContent = "not set";
}

function set(input) {
  const value = Number(input.value);
  const text = value > 0 ? `+${value}` : String(value).replace("-", "\u2212");
  input.dataset.set = "yes";
  input.classList.remove("unset");
  input.setAttribute("aria-valuetext", text);
  el(`${input.id}-value`).textContent = text;
}

const chosen = () => document.querySelector('input[name="emotion"]:checked');

function whatIsMissing() {
  if (el("answers").disabled) {
    return [`Listen for ${test.minimum_ms / 1000} s first.`, el("play")];
  }
  if (!chosen()) {
    return ["Choose an emotion.", document.querySelector('input[name="emotion"]')];
  }
  const open = scales.find((scale) => !el(scale).dataset.set);
  if (open === "valence") return ["Say how pleasant the mood is.", el("valence")];
  if (open === "arousal") return ["Say how awake the mood is.", el("arousal")];
  return null;
}

function answer(event) {
  event.preventDefault();
  const missing = whatIsMissing();
  if (missing) {
    el("missing").textContent = missing[0];
    missing[1].focus();
    return;
  }
  session.answers.push({
    position: session.answers.length,
    trial: session.order[session.answers.length],
    emotion: chosen().value,
    valence: Number(el("valence").value),
    arousal: Number(el("arousal").value),
    heard_ms: heardMs(),
    plays,
    answer_ms: Math.round(performance.now() - shown),
  });
  sound.pause();
  if (session.answers.length < session.order.length) {
    save();
    showTrial();
  } else {
    session.finished = Date.now();
    save();
    showEnd();
  }
}

function press(event) {
  if (el("trial").hidden || event.ctrlKey || event.altKey || event.metaKey) return;
  if (!el("shortcuts").checked) return;
  const key = event.key.toLowerCase();
  if (key === "p") {
    togglePlay();
  } else if (key === "enter" && !event.target.closest("button, summary")) {
    el("answer").requestSubmit();
  } else if (el("answers").disabled) {
    return;
  } else if (key === "v" || key === "a") {
    el(key === "v" ? "valence" : "arousal").focus();
  } else if (/^[1-9]$/.test(key)) {
    const input = document.querySelectorAll('input[name="emotion"]')[Number(key) - 1];
    if (!input) return;
    input.checked = true;
    input.focus();
  } else {
    return;
  }
  event.preventDefault();
}
