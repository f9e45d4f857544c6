"use strict";
const byId = (id) => document.getElementById(id);
const main = byId("main");
const question = main.dataset.question;
const possible = byId("possible");
const answers = [...document.querySelectorAll("article")].map((article) => ({
  article,
  key: article.dataset.answer,
  items: new Set(JSON.parse(article.dataset.items)),
  points: article.querySelector(".points"),
  comment: article.querySelector(".comment"),
  choices: article.querySelector(".choices"),
  hint: article.querySelector(".hint"),
  insert: article.querySelector(".insert"),
}));
let rubric = JSON.parse(main.dataset.rubric); // [{id, points, text}]
let comments = JSON.parse(main.dataset.comments); // texts of one line

const make = (tag, properties, ...children) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
};
const signed = (points) => (points > 0 ? `+${points}` : `${points}`);

// ---- what the browser keeps

// A browser may refuse to store anything; marking and saving work all the same.
function stored(action) {
  try { return action(window.localStorage); } catch { return null; }
}

const kept = (name) => JSON.parse(stored((s) => s.getItem(`${name}/${question}`)) || "null");
const keep = (name, value) => stored((s) => s.setItem(`${name}/${question}`, JSON.stringify(value)));

function restore() {
  possible.value = kept("possible") ?? possible.value;
  rubric = kept("rubric") ?? rubric;
  comments = kept("comments") ?? comments;
  for (const answer of answers) {
    const saved = JSON.parse(stored((s) => s.getItem(`mark/${answer.key}`)) ?? "null");
    if (saved) [answer.points.value, answer.comment.value] = saved;
    if (saved) answer.items = new Set(saved[2] ?? []);
  }
}

function store(answer) {
  const content = [answer.points.value, answer.comment.value, [...answer.items]];
  stored((s) => s.setItem(`mark/${answer.key}`, JSON.stringify(content)));
  show();
}

function discard() {
  if (!window.confirm("Discard what this browser stored for this question?")) return;
  stored((s) => {
    for (const name of ["possible", "rubric", "comments"]) s.removeItem(`${name}/${question}`);
    for (const answer of answers) s.removeItem(`mark/${answer.key}`);
  });
  window.location.reload();
}

// ---- progress

const isMarked = (answer) => answer.points.value !== "";

function show(message = "") {
  const marked = answers.filter(isMarked).length;
  for (const answer of answers) {
    answer.points.max = possible.value;
    answer.article.classList.toggle("done", isMarked(answer));
  }
  byId("progress").value = marked;
  byId("state").textContent = `${marked} of ${answers.length} marked. ${message}`;
}

// An answer that has just been marked stays until one has left it.
function filter() {
  const only = byId("unmarked").checked;
  for (const answer of answers) {
    answer.article.hidden = only && isMarked(answer) && !answer.article.contains(document.activeElement);
  }
  byId("all-marked").hidden = answers.some((answer) => !answer.article.hidden);
}

// ---- the rubric

function total(answer) {
  const sum = rubric.filter((item) => answer.items.has(item.id)).reduce((all, item) => all + item.points, 0);
  return `${Math.round(100 * Math.min(Math.max(sum, 0), possible.value === "" ? Infinity : possible.valueAsNumber)) / 100}`;
}

function tick(answer, item) {
  if (!answer.items.delete(item.id)) answer.items.add(item.id);
  answer.points.value = answer.items.size ? total(answer) : "";
  drawTicks(answer);
  store(answer);
}

function drawTicks(answer) {
  answer.choices.querySelectorAll("input").forEach((box, i) => { box.checked = answer.items.has(rubric[i].id); });
}

function drawChoices() {
  for (const answer of answers) {
    answer.choices.replaceChildren(...rubric.map((item, i) => {
      const box = make("input", { type: "checkbox" });
      box.addEventListener("change", () => tick(answer, item));
      return make("label", {}, box, make("span", {}, `${i + 1}. `, make("strong", {}, signed(item.points)), ` ${item.text}`));
    }));
    drawTicks(answer);
  }
}

// Change the rubric; the points of an answer follow where they are what its items add up to.
function changeRubric(change) {
  const following = answers.filter((answer) => answer.items.size && answer.points.value === total(answer));
  change();
  for (const answer of following) {
    answer.points.value = total(answer);
    store(answer);
  }
  keep("rubric", rubric);
  drawChoices();
}

function rubricRow(item, i) {
  const points = make("input", { type: "number", step: "any", value: item.points });
  points.setAttribute("aria-label", `Points of item ${i + 1}`);
  points.addEventListener("input", () => changeRubric(() => { item.points = points.valueAsNumber || 0; }));
  const text = make("textarea", { value: item.text, rows: 1 });
  text.setAttribute("aria-label", `Item ${i + 1}`);
  text.addEventListener("input", () => changeRubric(() => { item.text = text.value; }));
  text.addEventListener("change", () => { if (!text.value.trim()) remove(item); });
  return make("li", {}, make("div", { className: "item" }, points, text));
}

function remove(item) {
  changeRubric(() => {
    rubric = rubric.filter((other) => other !== item);
  });
  for (const answer of answers) if (answer.items.delete(item.id)) store(answer);
  drawRubric();
}

function drawRubric() {
  byId("items").replaceChildren(...rubric.map(rubricRow));
  drawChoices();
}

function addItem() {
  rubric.push({ id: Math.max(0, ...rubric.map((item) => item.id)) + 1, points: 1, text: "" });
  drawRubric();
  byId("items").lastElementChild.querySelector("textarea").focus();
}

// ---- comments that are used again

function drawComments() {
  byId("none").hidden = comments.length > 0;
  byId("comments").replaceChildren(...comments.map((text, i) => {
    const field = make("textarea", { value: text, rows: 1 });
    field.setAttribute("aria-label", `Comment ${i + 1}`);
    field.addEventListener("change", () => changeComment(i, field.value.replace(/\s+/g, " ").trim()));
    return make("li", {}, make("div", { className: "item" }, field));
  }));
  for (const answer of answers) {
    answer.insert.hidden = comments.length === 0;
    const options = comments.map((text, i) => make("option", { value: i }, `${i + 1}. ${text}`));
    answer.insert.replaceChildren(make("option", { value: "" }, "Insert a comment"), ...options);
  }
}

function setComments(changed) {
  comments = changed;
  keep("comments", comments);
  drawComments();
}

function remember(answer) {
  const lines = answer.comment.value.split("\n").map((line) => line.trim());
  const fresh = lines.filter((line, i) => line && !comments.includes(line) && lines.indexOf(line) === i);
  if (fresh.length) setComments([...comments, ...fresh]);
}

// One without a text is only taken off the list.
function changeComment(i, text) {
  const before = comments[i];
  for (const answer of text ? answers : []) {
    const lines = answer.comment.value.split("\n");
    if (!lines.some((line) => line.trim() === before)) continue;
    answer.comment.value = lines.map((line) => (line.trim() === before ? text : line)).join("\n");
    store(answer);
  }
  setComments(comments.map((other, j) => (j === i ? text : other)).filter((other, j, all) => other && all.indexOf(other) === j));
}

// The line of a comment before the cursor, and the stored comment that its number or its beginning means.
function meant(field) {
  const start = field.value.lastIndexOf("\n", field.selectionStart - 1) + 1;
  const typed = field.value.slice(start, field.selectionStart).trim().toLowerCase();
  const starts = (text) => text.length > typed.length && text.toLowerCase().startsWith(typed);
  const text = /^\d+$/.test(typed) ? comments[typed - 1] : typed && comments.find(starts);
  return { start, text };
}

function typeComment(answer, event) {
  const { start, text } = meant(answer.comment);
  if (event.key === "Tab" && !event.shiftKey && text) {
    event.preventDefault();
    answer.comment.setRangeText(text, start, answer.comment.selectionStart, "end");
    answer.hint.textContent = "";
    store(answer);
  } else if (event.key === "Enter" && event.ctrlKey) go(answer, event);
}

function insertComment(answer) {
  const text = comments[answer.insert.value];
  if (text) answer.comment.value = [answer.comment.value.trim(), text].filter(Boolean).join("\n");
  answer.insert.value = "";
  store(answer);
}

// ---- from answer to answer

function go(answer, event) {
  event.preventDefault();
  const shown = answers.filter((other) => other === answer || !other.article.hidden);
  const next = shown[shown.indexOf(answer) + (event.shiftKey ? -1 : 1)];
  const target = next ? next.choices.querySelector("input") ?? next.points : byId("save");
  target.focus();
  next?.article.scrollIntoView({ block: "nearest" });
}

function typeTicks(answer, event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === "Enter") go(answer, event);
  else if (event.key === "c") { event.preventDefault(); answer.comment.focus(); }
  else if (event.key === "0") {
    answer.items.clear();
    answer.points.value = "0";
    drawTicks(answer);
    store(answer);
  } else if (/^[1-9]$/.test(event.key) && rubric[event.key - 1]) tick(answer, rubric[event.key - 1]);
}

// ---- saving

function save() {
  show();
  const wrong = [possible, ...answers.map((answer) => answer.points)].find((field) => !field.checkValidity());
  if (wrong || possible.value === "") {
    byId("unmarked").checked = false;
    filter();
    (wrong ?? possible).focus();
    show("Not saved: the points in the selected field are not valid.");
    return;
  }
  const marks = answers.filter(isMarked).map((answer) => ({
    question, answer: answer.key, points: answer.points.valueAsNumber, possible: possible.valueAsNumber,
    comment: answer.comment.value, items: rubric.map((item) => item.id).filter((id) => answer.items.has(id)),
  }));
  const about = { format: 2, saved: new Date().toISOString(), question, possible: possible.valueAsNumber };
  const content = JSON.stringify({ ...about, rubric: rubric.filter((item) => item.text.trim()), comments, marks }, null, 1);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([`${content}\n`], { type: "application/json" }));
  link.download = `marks-${question}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  const without = answers.filter((answer) => !isMarked(answer) && answer.comment.value.trim()).length;
  const left = without ? ` Not in it: ${without} with a comment and no points.` : "";
  show(`Saved as ${link.download}: now move it to the folder marks.${left}`);
}

for (const answer of answers) {
  answer.points.addEventListener("input", () => store(answer));
  answer.points.addEventListener("keydown", (event) => { if (event.key === "Enter") go(answer, event); });
  answer.comment.addEventListener("input", () => {
    const { text } = meant(answer.comment);
    answer.hint.textContent = text ? `Tab: ${text}` : "";
    store(answer);
  });
  answer.comment.addEventListener("keydown", (event) => typeComment(answer, event));
  answer.comment.addEventListener("change", () => remember(answer));
  answer.choices.addEventListener("keydown", (event) => typeTicks(answer, event));
  answer.insert.addEventListener("change", () => insertComment(answer));
  answer.article.addEventListener("focusout", () => setTimeout(filter));
}
possible.addEventListener("input", () => { keep("possible", possible.value); show(); });
byId("unmarked").addEventListener("change", filter);
byId("add").addEventListener("click", addItem);
byId("save").addEventListener("click", save);
byId("discard").addEventListener("click", discard);
document.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() === "s" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); save(); }
});
if (window.matchMedia("(max-width: 60rem)").matches) { // where all is in one column, the answers should not be far below
  document.querySelectorAll(".fold").forEach((part) => { part.open = false; });
}
restore();
drawRubric();
drawComments();
show();
