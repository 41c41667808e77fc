// What is asked, who is listening, and the elements of the page.

const test = JSON.parse(document.getElementById("test").textContent);
const el = (id) => document.getElementById(id);
const sections = ["start", "trial", "end"];
const scales = ["valence", "arousal"];
const codePattern = /^[A-Za-z0-9_-]{1,32}$/;
const soundOf = new Map(test.trials.map((t) => [t.id, test.sounds[t.sound]]));
const sound = el("sound");
let session = null; // of the rater who is listening
let shown = 0; // when the clip was put on, ms
let plays = 0;
