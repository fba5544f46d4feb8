// The tasks of one user, offline first: docs/synchronization.md as code. One object in localStorage has the service's
// tasks, the outbox of edits, and the token of the changes. Every step reads it anew and may be repeated by other tabs.

const FIELDS = { title: "", description: null, completed: false, priority: null, due_date: null, time_zone: null,
  tags: [], recurrence: null, recurrence_from: "due" }; // what a client may change, as a new task has it
const makeKey = () => crypto.getRandomValues(new BigUint64Array(2)).join("-");
const pick = (task, names = Object.keys(FIELDS)) => Object.fromEntries(names.map((name) => [name, task[name]]));
export const differing = (names, a, b) => names.filter((name) => JSON.stringify(a[name]) !== JSON.stringify(b[name]));

export class Tasks {
  constructor({ url, user, token }) {
    this.url = url.replace(/\/*$/, `/api/${encodeURIComponent(user)}`);
    Object.assign(this, { token, running: Promise.resolve(), pausedUntil: 0 });
  }
  read() { return JSON.parse(localStorage.getItem(this.url)) ?? { tasks: {}, outbox: [], renamed: {}, token: null }; }
  forget() { localStorage.removeItem(this.url); this.update = () => {}; } // An answer under way is not kept.
  update(change) {
    const store = this.read();
    change(store);
    localStorage.setItem(this.url, JSON.stringify(store));
  }
  /** Return the tasks as the user sees them: the service's, with the outbox on top. */
  list() {
    const { tasks, outbox } = this.read(), seen = { ...tasks };
    for (const edit of outbox) {
      const conflict = edit.problem ? { edit, theirs: tasks[edit.id] } : seen[edit.id]?.conflict;
      if (edit.kind === "delete" && !conflict) delete seen[edit.id];
      else seen[edit.id] = { ...edit.base, ...seen[edit.id], ...edit.changes, id: edit.id, waiting: true, conflict };
    }
    return Object.values(seen);
  }
  /** Put an edit into the outbox: "create", "change" or "delete" a task, which is given as the user saw it. */
  edit(kind, changes = {}, task = { ...FIELDS, id: `local-${Date.now()}-${makeKey()}` }) {
    const id = this.read().renamed[task.id] ?? task.id; // The service may have given it its id since it was shown.
    this.update(({ outbox }) => outbox.push({ kind, id, base: pick(task), changes, key: makeKey() }));
  }
  /** Have the edit of this key, which has a problem, sent over what others changed, or give it up. */
  resolve(key, keepMine) {
    this.update(({ tasks, outbox }) => {
      const edit = outbox.find((each) => each.key === key);
      const changes = { ...edit.base, ...edit.changes };
      if (!keepMine) outbox.splice(outbox.indexOf(edit), 1);
      else if (tasks[edit.id]) Object.assign(edit, { base: tasks[edit.id], problem: null });
      else Object.assign(edit, { kind: "create", base: FIELDS, changes, key: makeKey(), problem: null });
    });
  }
  /** Send the outbox, then catch up. Throws where the service can't be asked: what was not sent stays in the outbox. */
  synchronize() {
    this.running = this.running.catch(() => {}).then(async () => {
      for (const { key } of this.read().outbox) await this.send(key);
      await this.pull(); // After the outbox, because the answer to a repeated creation may be old.
    });
    return this.running;
  }
  async send(key) {
    const { outbox } = this.read();
    const edit = outbox.find((each) => each.key === key);
    if (!edit || edit.problem || edit !== outbox.find(({ id }) => id === edit.id)) return; // Earlier edits come first.
    const problem = edit.kind === "create" // The key makes it safe to repeat.
      ? this.keep(edit.id, await this.ask("POST", "/tasks", edit.changes, { "Idempotency-Key": key }))
      : await this.merge(edit);
    this.update((store) => {
      if (!problem) store.outbox = store.outbox.filter((each) => each.key !== key);
      for (const each of store.outbox) if (each.key === key) each.problem = problem;
    });
  }
  /** Send a change or a deletion, merged field by field with what others changed, and return what is in the way. */
  async merge({ kind, id, base, changes }) {
    for (let theirs; (theirs = this.read().tasks[id]);) {
      const left = differing(Object.keys(changes), changes, theirs);
      if (kind === "change" && !left.length) return null; // It arrived before, and only its answer was lost.
      if (differing(kind === "change" ? left : Object.keys(FIELDS), base, theirs).length) return "Changed elsewhere";
      const [method, body] = kind === "change" ? ["PUT", pick(changes, left)] : ["DELETE"];
      const answer = await this.ask(method, `/tasks/${id}`, body, { "If-Match": `"${theirs.version}"` });
      if (answer.status !== 404 && answer.status !== 412) return this.keep(id, answer);
      this.keep(id, await this.ask("GET", `/tasks/${id}`)); // Somebody else was faster: merge again.
    }
    return kind === "change" ? "Deleted elsewhere" : null;
  }
  /** Ask for the list the first time, whose tag is the first token, and from then on for what changed. */
  async pull() {
    const { token } = this.read();
    const { status, data, tag } = await this.ask("GET", token ? `/changes?since=${token}` : "/tasks");
    const changes = token ? data : { tasks: data, deleted: [], token: tag };
    this.update((store) => {
      if (!token) store.tasks = {};
      for (const task of changes.tasks ?? []) store.tasks[task.id] = task;
      for (const id of changes.deleted ?? []) delete store.tasks[id];
      store.token = changes.token ?? null; // 410 brings none: start anew. The outbox stays.
    });
    if (status === 410 || changes.has_more) await this.pull();
  }
  /** Keep what an answer says about a task, and return what is wrong, if anything is. */
  keep(id, { status, data }) {
    if (status >= 400 && status !== 404) return [data.detail].flat().map((fault) => fault.msg ?? fault).join(", ");
    this.update(({ tasks, outbox, renamed }) => {
      if (data.id) tasks[data.id] = data; else delete tasks[id];
      if (data.id && data.id !== id) renamed[id] = data.id;
      for (const edit of outbox) if (edit.id === id) edit.id = data.id ?? id;
    });
  }
  async ask(method, path, body, headers = {}) {
    if (Date.now() < this.pausedUntil) throw this.refusal;
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    if (body) headers["Content-Type"] = "application/json";
    const options = { method, headers, body: JSON.stringify(body), signal: AbortSignal.timeout(30_000) };
    const answer = await fetch(`${this.url}${path}${path.includes("?") ? "&" : "?"}view=full`, options);
    const [status, data] = [answer.status, await answer.json()];
    if ([401, 429].includes(status) || status >= 500 || ["Access forbidden", "Not Found"].includes(data.detail)) {
      this.pausedUntil = Date.now() + 1000 * Number(answer.headers.get("Retry-After"));
      throw this.refusal = Object.assign(new Error(data.detail), { status });
    }
    return { status, data, tag: answer.headers.get("ETag")?.match(/"(.*)"/)[1] };
  }
}
