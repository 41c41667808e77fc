// The first screen: begin, or go on.

function show(name) {
  for (const section of sections) el(section).hidden = section !== name;
  window.scrollTo(0, 0);
}

function showStart() {
  session = null;
  keep(currentName, null);
  const raters = knownRaters();
  el("open-sessions").hidden = raters.length === 0;
  el("sessions").replaceChildren(...raters.map((rater) => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    const answered = sessionOf(rater).answers.length;
    button.type = "button";
    button.textContent = answered < test.trials.length
      ? `${rater}: ${answered} of ${test.trials.length} answered`
      : `${rater}: all answered, save again`;
    button.addEventListener("click", () => resume(rater));
    item.append(button);
    return item;
  }));
  show("start");
  el("rater").value = "";
}

function begin(event) {
  event.preventDefault();
  const rater = el("rater").value.trim();
  const problem = !codePattern.test(rater)
    ? "Please give a code of letters, digits, - and _."
    : knownRaters().includes(rater)
      ? "Somebody began with this code here. Go on with it above, or take another."
      : "";
  el("rater-error").textContent = problem;
  el("rater").setAttribute("aria-invalid", String(problem !== ""));
  if (problem) {
    el("rater").focus();
    return;
  }
  session = { rater, order: orderFor(rater), started: Date.now(), answers: [] };
  save();
  resume(rater);
}

function resume(rater) {
  session = sessionOf(rater);
  keep(currentName, rater);
  showEmotions();
  if (session.answers.length < session.order.length) showTrial();
  else showEnd();
}
