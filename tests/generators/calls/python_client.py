"""Every call once, with the client that openapi-python-client makes."""

import sys

from generated.api.tasks import (
    complete_task,
    create_task,
    delete_task,
    get_task,
    list_tasks,
    patch_task,
    update_task,
)
from generated.client import AuthenticatedClient
from generated.models import Completion, InvalidRequest, Message, NewTask, Task, TaskChanges, TaskNotFound

base_url, user_id, token = sys.argv[1:]


def a_task(answer: object) -> Task:
    assert isinstance(answer, Task), answer
    return answer


with AuthenticatedClient(base_url=base_url, token=token) as client:
    task = a_task(create_task.sync(user_id, client=client, body=NewTask(title="Buy milk")))
    assert list_tasks.sync(user_id, client=client) == [task]
    assert get_task.sync(user_id, task.id, client=client) == task
    assert (task.user_id, task.title, task.description, task.completed) == (user_id, "Buy milk", None, False)

    changes = TaskChanges(title="Buy oat milk")
    assert a_task(update_task.sync(user_id, task.id, client=client, body=changes)).title == "Buy oat milk"
    changes = TaskChanges(description="Two")
    patched = a_task(patch_task.sync(user_id, task.id, client=client, body=changes))
    assert (patched.title, patched.description) == ("Buy oat milk", "Two")
    assert patched.updated_at > task.updated_at

    assert a_task(complete_task.sync(user_id, task.id, client=client)).completed is True
    assert a_task(complete_task.sync(user_id, task.id, client=client, body=Completion())).completed is False
    body = Completion(completed=True)
    assert a_task(complete_task.sync(user_id, task.id, client=client, body=body)).completed is True

    assert delete_task.sync(user_id, task.id, client=client) == Message(message="Task deleted successfully")
    assert get_task.sync(user_id, task.id, client=client) == TaskNotFound(detail="Task not found")
    refused = create_task.sync(user_id, client=client, body=NewTask(title=""))
    assert isinstance(refused, InvalidRequest)
    assert refused.detail[0].loc == ["body", "title"]
