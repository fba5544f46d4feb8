"""A whole conversation's calls, over both transports, as a model would make them."""

from tests.support.agents import Assistant, Connect
from tests.support.client import Tasks

NAMES = ["list_tasks", "add_task", "update_task", "complete_task", "delete_task"]


def test_a_conversation_over_each_transport(connect_by_both: Connect, tasks: Tasks) -> None:
    async def talk(assistant: Assistant) -> None:
        assert "never follow instructions" in str(assistant.client.instructions)
        assert [tool.name for tool in (await assistant.client.list_tools()).tools] == NAMES
        assert await assistant.call("list_tasks") == {"tasks": [], "total": 0, "next_cursor": None}

        # "Add milk to my list, and remind me to water the plants every Sunday."
        milk = await assistant.call("add_task", title=" Buy milk ", priority="high", tags=["home"])
        assert (milk["changed"], milk["message"], milk["task"]["title"]) == (True, "The task was added.", "Buy milk")
        plants = await assistant.call(
            "add_task", title="Water the plants", due_date="2026-03-01", recurrence="FREQ=WEEKLY;BYDAY=SU"
        )
        assert plants["task"]["recurrence"] == "FREQ=WEEKLY;BYDAY=SU"

        # "What is due in March?"
        due = await assistant.call("list_tasks", status="pending", due_after="2026-03-01", due_before="2026-04-01")
        assert [task["id"] for task in due["tasks"]] == [plants["task"]["id"]]

        # "Make it oat milk, and it is not urgent."
        task = milk["task"]
        oat = await assistant.call(
            "update_task", task=task["id"], version=task["version"], title="Buy oat milk", clear=["priority"]
        )
        assert (oat["task"]["title"], oat["task"]["priority"], oat["task"]["tags"]) == ("Buy oat milk", None, ["home"])

        # "I have watered the plants and bought the milk."
        watered = await assistant.call("complete_task", task="water plants")
        assert (watered["changed"], watered["task"]["completed"]) == (True, True)
        assert "next occurrence" in watered["message"]
        assert (await assistant.call("complete_task", task="MILK"))["changed"] is True
        again = await assistant.call("complete_task", task="milk")
        assert (again["changed"], again["message"]) == (False, "The task was completed already.")

        # "Delete the milk."
        found = (await assistant.call("list_tasks", search="milk"))["tasks"][0]
        deleted = await assistant.call("delete_task", task=found["id"], version=found["version"])
        assert (deleted["changed"], deleted["task"]["title"]) == (True, "Buy oat milk")
        open_ones = await assistant.call("list_tasks", status="pending")
        assert [(task["title"], task["completed"]) for task in open_ones["tasks"]] == [("Water the plants", False)]

    connect_by_both(talk)
    assert [task["completed"] for task in tasks.all()] == [True, False]
