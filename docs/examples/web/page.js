// The page shows what sync.js keeps. Every text is set by textContent, so a title can't bring HTML or scripts along.
import { Tasks, differing } from "./sync.js";

const { signIn, signOut, state, message, filter, add, list, row: template, dialog, editor } =
  Object.fromEntries([...document.querySelectorAll("[id]")].map((element) => [element.id, element]));
const read = (form) => Object.fromEntries(new FormData(form));
const toLocal = (date) => new Date(date - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
const readDue = ({ due_date: due }) => (due?.endsWith("Z") ? toLocal(new Date(due)) : due ?? ""); // on the clock here
const rank = (task) => [Number(task.completed), readDue(task) || "9", task.id].join(); // the order of the list
let tasks, timer, shown, edited;

function open(account) {
  sessionStorage.setItem("account", JSON.stringify(account));
  tasks = new Tasks(account);
  document.body.className = "in";
  message.textContent = "";
  add.focus();
  synchronize();
}
function close(reason) {
  sessionStorage.removeItem("account");
  tasks = null;
  document.body.className = state.textContent = shown = "";
  list.replaceChildren();
  message.textContent = reason;
  signIn.elements.user.focus();
}
/** Synchronize now, and again after half a minute, or when the service says. */
async function synchronize() {
  clearTimeout(timer);
  if (!tasks) return;
  show();
  const error = await tasks.synchronize().catch((reason) => reason);
  if (!tasks) return; // The user signed out meanwhile.
  if ([401, 403, 404].includes(error?.status)) return close(`${error.message}. Your edits are kept.`);
  const { outbox } = tasks.read(), names = { Error: "Busy", QuotaExceededError: "Storage full" };
  const how = error ? names[error.name] ?? "Offline" : "Up to date";
  const what = outbox.some(({ problem }) => problem) ? "decision needed" : `${outbox.length} waiting`;
  state.textContent = outbox.length ? `${how}, ${what}` : how;
  show();
  timer = setTimeout(synchronize, Math.max(tasks.pausedUntil - Date.now(), 0) || 30_000);
}
function act(words, action, ...details) {
  tasks[action](...details);
  message.textContent = words;
  synchronize();
}
/** Show the tasks that match the filter, and leave the focus at its task, or else at its place. */
function show() {
  const { search, status, priority } = read(filter);
  const words = search.toLowerCase().split(/\s+/);
  const found = tasks.list().filter((task) => (!status || task.completed === (status === "Done"))
    && (!priority || `${task.priority}` === priority)
    && words.every((word) => `${task.title}\n${task.description ?? ""}`.toLowerCase().includes(word)));
  if (shown === (shown = JSON.stringify(found))) return;
  const controls = () => [...list.querySelectorAll("input, button")];
  const [{ id }, place] = [document.activeElement, controls().indexOf(document.activeElement)];
  list.replaceChildren(...found.sort((one, other) => (rank(one) < rank(other) ? -1 : 1)).map(makeRow));
  if (place >= 0) (document.getElementById(id) ?? controls()[place] ?? add).focus();
}
function makeRow(task) {
  const row = template.content.firstElementChild.cloneNode(true);
  const [box, open, keep, take] = row.querySelectorAll("input, button");
  const due = readDue(task).padEnd(19, "T23:59:59"); // A date lasts until its end.
  const style = { dateStyle: "medium", timeStyle: due.endsWith("T23:59:59") ? undefined : "short" };
  const texts = { ...task, ...describeConflict(task.conflict), repeats: task.recurrence && "repeats",
    due: task.due_date && new Date(due).toLocaleString([], style), waiting: task.waiting && "not sent yet" };
  for (const part of row.querySelectorAll("[data-text]")) part.textContent = texts[part.dataset.text] || "";
  row.classList.add(task.priority, task.completed ? "done" : due < toLocal(new Date()) ? "late" : "open");
  Object.assign(box, { id: `done-${task.id}`, checked: task.completed });
  box.onchange = () => act(box.checked ? "Done" : "Reopened", "edit", "change", { completed: box.checked }, task);
  Object.assign(open, { id: `edit-${task.id}`, ariaLabel: `Edit ${task.title}`, onclick: () => openEditor(task) });
  keep.onclick = () => act("Yours is kept", "resolve", task.conflict.edit.key, true);
  take.onclick = () => act("Theirs is taken", "resolve", task.conflict.edit.key, false);
  return row;
}
function describeConflict({ edit, theirs = {} } = {}) {
  if (!edit) return {};
  const mine = { ...edit.base, ...edit.changes };
  const names = differing(Object.keys(edit.kind === "delete" ? mine : edit.changes), mine, theirs);
  const describe = (task) => names.map((name) => `${name.replace("_", " ")}: ${task[name] ?? "none"}`).join("\n");
  return { ...edit, yours: edit.kind === "delete" ? "deleted" : describe(mine), others: describe(theirs) };
}
function openEditor(task) {
  const due = readDue(task);
  const values = { ...task, date: due.slice(0, 10), time: due.slice(11, 16) };
  for (const field of editor.querySelectorAll("[name]")) field.value = values[field.name] ?? "";
  editor.querySelector(".delete").hidden = !task.id;
  edited = { task, before: readEditor() };
  dialog.showModal();
}
function readEditor() {
  const { title, description, date, time, priority } = read(editor);
  const due = time ? `${date || toLocal(new Date()).slice(0, 10)}T${time}:00` : date;
  return { title: title.trim(), description: description || null, due_date: due || null, priority: priority || null };
}
editor.onsubmit = ({ submitter }) => {
  const [{ task, before }, after] = [edited, readEditor()];
  const changes = Object.fromEntries(differing(Object.keys(after), after, before).map((name) => [name, after[name]]));
  if (task.time_zone && "due_date" in changes && changes.due_date?.length !== 19) changes.time_zone = null;
  dialog.close();
  if (submitter.value === "delete") act("Deleted", "edit", "delete", {}, task);
  else if (submitter.value === "save" && task.id) act("Saved", "edit", "change", changes, task);
  else if (submitter.value === "save") act("Added", "edit", "create", changes);
};
document.onsubmit = (event) => event.preventDefault(); // The browser itself sends no form.
filter.oninput = show;
add.onclick = () => openEditor({});
signIn.onsubmit = () => open(read(signIn));
signOut.onclick = () => {
  if (tasks.read().outbox.length && !confirm("Edits that were not sent yet will be lost. Sign out?")) return;
  tasks.forget();
  close("You are signed out.");
};
addEventListener("error", (event) => { message.textContent = event.message; }); // The storage may be full.
for (const event of ["online", "offline", "storage", "focus"]) addEventListener(event, synchronize);
if (sessionStorage.getItem("account")) open(JSON.parse(sessionStorage.getItem("account")));
