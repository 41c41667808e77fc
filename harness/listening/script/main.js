// Who presses what, and which screen is first.

el("begin").addEventListener("submit", begin);
el("answer").addEventListener("submit", answer);
el("answer").addEventListener("input", () => { el("missing").textContent = ""; });
el("play").addEventListener("click", togglePlay);
el("leave").addEventListener("click", () => { sound.pause(); showStart(); });
el("another").addEventListener("click", showStart);
el("save-json").addEventListener(
  "click", () => download("json", "application/json", asJson()));
el("save-csv").addEventListener("click", () => download("csv", "text/csv", asCsv()));
el("text").addEventListener("focus", () => el("text").select());
for (const event of ["play", "pause", "ended"]) {
  sound.addEventListener(event, () => { listen(); showPlaying(); });
}
sound.addEventListener("timeupdate", listen);
sound.addEventListener("error", () => {
  if (sound.hasAttribute("src")) {
    el("gate").textContent = "The clip cannot be played in this browser.";
  }
});
for (const scale of scales) {
  el(scale).addEventListener("input", () => set(el(scale)));
  el(scale).addEventListener("click", () => set(el(scale)));
}
document.addEventListener("keydown", press);

const current = kept(currentName);
if (current !== null && sessionOf(current) !== null) resume(current);
else showStart();
