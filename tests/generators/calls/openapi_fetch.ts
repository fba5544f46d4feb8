// Every call once, with openapi-fetch and the types that openapi-typescript makes.
import createClient from "openapi-fetch";

import type { components, paths } from "./generated/openapi";

declare const process: { argv: string[] };

type Task = components["schemas"]["Task"];

function check(isSo: boolean, what: string): asserts isSo {
  if (!isSo) throw new Error(what);
}

async function main(baseUrl: string, user_id: string, token: string): Promise<void> {
  const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });
  const collection = { params: { path: { user_id } } };

  const created = await client.POST("/api/{user_id}/tasks", { ...collection, body: { title: "Buy milk" } });
  check(created.response.status === 201, "create");
  const task: Task = created.data!;
  const item = { params: { path: { user_id, task_id: task.id } } };

  const listed = await client.GET("/api/{user_id}/tasks", collection);
  check(listed.data!.length === 1 && listed.data![0]!.id === task.id, "list");

  const read = await client.GET("/api/{user_id}/tasks/{task_id}", item);
  check(read.data!.title === "Buy milk" && read.data!.description === null, "read");

  const put = await client.PUT("/api/{user_id}/tasks/{task_id}", { ...item, body: { title: "Buy oat milk" } });
  check(put.data!.title === "Buy oat milk", "update");
  const patched = await client.PATCH("/api/{user_id}/tasks/{task_id}", { ...item, body: { description: "Two" } });
  check(patched.data!.title === "Buy oat milk" && patched.data!.description === "Two", "update by PATCH");

  const complete = "/api/{user_id}/tasks/{task_id}/complete";
  check((await client.PATCH(complete, item)).data!.completed, "flip without a body");
  check(!(await client.PATCH(complete, { ...item, body: {} })).data!.completed, "flip with an empty body");
  check((await client.PATCH(complete, { ...item, body: { completed: true } })).data!.completed, "complete");

  const removed = await client.DELETE("/api/{user_id}/tasks/{task_id}", item);
  check(removed.data!.message === "Task deleted successfully", "delete");

  const gone = await client.GET("/api/{user_id}/tasks/{task_id}", item);
  check(gone.response.status === 404 && gone.error!.detail === "Task not found", "read what is gone");

  const refused = await client.POST("/api/{user_id}/tasks", { ...collection, body: { title: "" } });
  const error: components["schemas"]["InvalidRequest"] = refused.error as components["schemas"]["InvalidRequest"];
  check(error.detail[0]!.loc.join() === "body,title", "a bad request");
}

const [, , baseUrl, userId, token] = process.argv;
check(baseUrl !== undefined && userId !== undefined && token !== undefined, "arguments");
void main(baseUrl, userId, token);
