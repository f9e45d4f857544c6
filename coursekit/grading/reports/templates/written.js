"use strict";
const question = document.getElementById("main").dataset.question;
const possible = document.getElementById("possible");
const state = document.getElementById("state");
const answers = [...document.querySelectorAll("article")].map((article) => ({
  article,
  key: article.dataset.answer,
  points: article.querySelector(".points"),
  comment: article.querySelector(".comment"),
}));

// A browser may refuse to store anything; marking and saving work all the same.
function stored(action) {
  try { return action(window.localStorage); } catch { return null; }
}

function restore() {
  possible.value = stored((s) => s.getItem(`possible/${question}`)) ?? possible.value;
  for (const answer of answers) {
    const saved = JSON.parse(stored((s) => s.getItem(`mark/${answer.key}`)) ?? "null");
    if (saved) [answer.points.value, answer.comment.value] = saved;
  }
}

function show(message = "") {
  let marked = 0;
  for (const answer of answers) {
    answer.points.max = possible.value;
    answer.article.classList.toggle("done", answer.points.value !== "");
    marked += answer.points.value !== "";
  }
  state.textContent = `${marked} of ${answers.length} marked. ${message}`;
}

function store(answer) {
  stored((s) => s.setItem(`mark/${answer.key}`, JSON.stringify([answer.points.value, answer.comment.value])));
  show();
}

function save() {
  show();
  const wrong = [possible, ...answers.map((answer) => answer.points)].find((field) => !field.checkValidity());
  if (wrong || possible.value === "") {
    (wrong ?? possible).focus();
    show("Not saved: the points in the selected field are not valid.");
    return;
  }
  const marks = answers.filter((answer) => answer.points.value !== "").map((answer) => ({
    question, answer: answer.key, points: answer.points.valueAsNumber, possible: possible.valueAsNumber, comment: answer.comment.value,
  }));
  const content = JSON.stringify({ format: 1, saved: new Date().toISOString(), marks }, null, 1) + "\n";
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type: "application/json" }));
  link.download = `marks-${question}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  show(`Saved as ${link.download}: now move it to the folder marks.`);
}

function discard() {
  if (!window.confirm("Discard what this browser stored for this question?")) return;
  stored((s) => { s.removeItem(`possible/${question}`); for (const answer of answers) s.removeItem(`mark/${answer.key}`); });
  window.location.reload();
}

answers.forEach((answer, i) => {
  const go = (event) => {
    const next = answers[i + (event.shiftKey ? -1 : 1)];
    event.preventDefault();
    (next ? next.points : document.getElementById("save")).focus();
  };
  answer.points.addEventListener("input", () => store(answer));
  answer.comment.addEventListener("input", () => store(answer));
  answer.points.addEventListener("keydown", (event) => { if (event.key === "Enter") go(event); });
  answer.comment.addEventListener("keydown", (event) => { if (event.key === "Enter" && event.ctrlKey) go(event); });
});
possible.addEventListener("input", () => { stored((s) => s.setItem(`possible/${question}`, possible.value)); show(); });
document.getElementById("save").addEventListener("click", save);
document.getElementById("discard").addEventListener("click", discard);
document.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() === "s" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); save(); }
});
restore();
show();
