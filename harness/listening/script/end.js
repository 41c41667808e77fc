// The last screen: save the answers.

const columns = ["position", "trial", "emotion", "valence", "arousal", "heard_ms",
  "plays", "answer_ms"];

function results() {
  const { rater, started, finished, answers } = session;
  const lines = [[test.id, rater, started, finished],
    ...answers.map((a) => columns.map((name) => a[name]))];
  const seal = fnv(lines.map((line) => line.join("\t")).join("\n"));
  return {
    format: "skeptic-listening-ratings", version: 1, test: test.id, rater, started,
    finished, answers, checksum: seal.toString(16).padStart(16, "0"),
  };
}

const asJson = () => `${JSON.stringify(results(), null, 1)}\n`;

function asCsv() {
  const rows = session.answers.map(
    (a) => [test.id, session.rater, ...columns.map((name) => a[name])]);
  return [["test", "rater", ...columns], ...rows]
    .map((row) => `${row.join(",")}\r\n`).join("");
}

function download(kind, type, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = `ratings-${test.id}-${session.rater}.${kind}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  el("saved").textContent = `${link.download} is in your downloads.`;
}

function showEnd() {
  show("end");
  sound.removeAttribute("src");
  el("count").textContent = String(session.answers.length);
  el("text").value = asJson();
  el("saved").textContent = "";
  el("end-title").focus();
}
