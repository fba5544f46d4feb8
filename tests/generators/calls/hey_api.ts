// Every call once, with the client that @hey-api/openapi-ts makes.
import {
  completeTask,
  createTask,
  deleteTask,
  getTask,
  listTasks,
  patchTask,
  updateTask,
  type InvalidRequest,
  type Task,
} from "./generated/hey-api";
import { client } from "./generated/hey-api/client.gen";

declare const process: { argv: string[] };

function check(isSo: boolean, what: string): asserts isSo {
  if (!isSo) throw new Error(what);
}

async function main(baseUrl: string, user_id: string, token: string): Promise<void> {
  client.setConfig({ baseUrl, auth: token });
  const collection = { path: { user_id } };

  const created = await createTask({ ...collection, body: { title: "Buy milk" } });
  check(created.response?.status === 201, "create");
  const task: Task = created.data!;
  const item = { path: { user_id, task_id: task.id } };

  const listed = await listTasks(collection);
  check(listed.data!.length === 1 && listed.data![0]!.id === task.id, "list");

  const read = await getTask(item);
  check(read.data!.title === "Buy milk" && read.data!.description === null, "read");

  check((await updateTask({ ...item, body: { title: "Buy oat milk" } })).data!.title === "Buy oat milk", "update");
  const patched = await patchTask({ ...item, body: { description: "Two" } });
  check(patched.data!.title === "Buy oat milk" && patched.data!.description === "Two", "update by PATCH");

  check((await completeTask(item)).data!.completed, "flip without a body");
  check(!(await completeTask({ ...item, body: {} })).data!.completed, "flip with an empty body");
  check((await completeTask({ ...item, body: { completed: true } })).data!.completed, "complete");

  check((await deleteTask(item)).data!.message === "Task deleted successfully", "delete");

  const gone = await getTask(item);
  check(gone.response?.status === 404 && gone.error!.detail === "Task not found", "read what is gone");

  const refused = await createTask({ ...collection, body: { title: "" } });
  check((refused.error as InvalidRequest).detail[0]!.loc.join() === "body,title", "a bad request");
}

const [, , baseUrl, userId, token] = process.argv;
check(baseUrl !== undefined && userId !== undefined && token !== undefined, "arguments");
void main(baseUrl, userId, token);
