"""A client that keeps a copy of the tasks by their changes."""

from typing import Any

from tests.support.client import Tasks


class Replica:
    """The tasks as a client keeps them that only applies the changes."""

    def __init__(self) -> None:
        self.tasks: dict[str, Any] = {}
        self.query = ""

    def follow(self, tasks: Tasks, limit: int = 1000) -> None:
        while True:
            response = tasks.changes(f"?limit={limit}{self.query}")
            if response.status_code == 410:
                self.tasks, self.query = {}, ""
                continue
            response.raise_for_status()
            answer = response.json()
            self.tasks.update({task["id"]: task for task in answer["tasks"]})
            for task_id in answer["deleted"]:
                self.tasks.pop(task_id, None)
            self.query = f"&since={answer['token']}"
            if not answer["has_more"]:
                return
