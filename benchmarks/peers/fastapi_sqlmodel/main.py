"""The same API on FastAPI, SQLModel and asyncpg, written as their documentation teaches.

    python -m uvicorn main:app --host 127.0.0.1 --port $PORT --workers $WORKERS --no-access-log

with DATABASE_URL and POOL in the environment. uvicorn uses uvloop and httptools where they are installed.
"""

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from fastapi import Depends, FastAPI, HTTPException, Response
from pydantic import PlainSerializer, StrictBool, StringConstraints
from sqlalchemy import DateTime, func, make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import Field, SQLModel, select
from sqlmodel.ext.asyncio.session import AsyncSession

Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


def as_sent(time: datetime) -> str:
    """Format a time in UTC, always with six digits: pydantic leaves out zeros."""
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


Time = Annotated[datetime, PlainSerializer(as_sent, return_type=str)]


class TaskBase(SQLModel):
    """The fields that a client may send."""

    title: Title
    description: str | None = Field(default=None, max_length=5000)
    completed: StrictBool = False


class Task(TaskBase, table=True):
    """The table."""

    __tablename__ = "tasks"

    user_id: str = Field(primary_key=True)
    id: UUID | None = Field(default=None, primary_key=True, sa_column_kwargs={"server_default": func.uuidv7()})
    created_at: datetime | None = Field(
        default=None, sa_type=DateTime(timezone=True), sa_column_kwargs={"server_default": func.now()}
    )
    updated_at: datetime | None = Field(
        default=None, sa_type=DateTime(timezone=True), sa_column_kwargs={"server_default": func.now()}
    )


class TaskCreate(TaskBase):
    """The body that creates a task."""


class TaskUpdate(SQLModel):
    """The body that changes a task. Defaults are not validated, so a field may be absent, but not null."""

    title: Title = Field(default=None)
    description: str | None = Field(default=None, max_length=5000)
    completed: StrictBool = Field(default=None)


class Completion(SQLModel):
    """The body that sets `completed`."""

    completed: StrictBool


class TaskPublic(TaskBase):
    """A task as a client gets it."""

    id: UUID
    user_id: str
    created_at: Time
    updated_at: Time


class Message(SQLModel):
    """A message for people."""

    message: str


url = make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+asyncpg")
engine = create_async_engine(url, pool_size=int(os.environ.get("POOL", "5")), max_overflow=0)
app = FastAPI()


async def get_session() -> AsyncIterator[AsyncSession]:
    """Give each request a session of its own."""
    async with AsyncSession(engine, expire_on_commit=False) as session:
        yield session


def get_task_id(task_id: str) -> UUID:
    """Parse the id in the path; what is not a UUID is answered like an unknown task."""
    try:
        return UUID(task_id)
    except ValueError:
        raise HTTPException(404, "Task not found") from None


SessionDep = Annotated[AsyncSession, Depends(get_session)]
TaskId = Annotated[UUID, Depends(get_task_id)]


async def find(session: AsyncSession, user_id: str, task_id: UUID, lock: bool = False) -> Task:
    """Return the task of the user, locked until the end of the transaction if asked to."""
    task = await session.get(Task, {"user_id": user_id, "id": task_id}, with_for_update=lock or None)
    if not task:
        raise HTTPException(404, "Task not found")
    return task


@app.get("/api/{user_id}/tasks", response_model=list[TaskPublic])
async def list_tasks(user_id: str, session: SessionDep) -> list[Task]:
    """List every task of the user, oldest first."""
    return (await session.exec(select(Task).where(Task.user_id == user_id).order_by(Task.id))).all()


@app.post("/api/{user_id}/tasks", response_model=TaskPublic, status_code=201)
async def create_task(user_id: str, body: TaskCreate, session: SessionDep, response: Response) -> Task:
    """Create a task."""
    task = Task.model_validate(body, update={"user_id": user_id})
    session.add(task)
    await session.commit()
    response.headers["Location"] = f"/api/{quote(user_id)}/tasks/{task.id}"
    return task


@app.get("/api/{user_id}/tasks/{task_id}", response_model=TaskPublic)
async def read_task(user_id: str, task_id: TaskId, session: SessionDep) -> Task:
    """Return one task."""
    return await find(session, user_id, task_id)


@app.put("/api/{user_id}/tasks/{task_id}", response_model=TaskPublic)
async def update_task(user_id: str, task_id: TaskId, body: TaskUpdate, session: SessionDep) -> Task:
    """Change the fields that are sent."""
    task = await find(session, user_id, task_id, lock=True)
    changes = body.model_dump(exclude_unset=True)
    if changes:
        task.sqlmodel_update(changes, update={"updated_at": datetime.now(UTC)})
    await session.commit()
    return task


@app.patch("/api/{user_id}/tasks/{task_id}/complete", response_model=TaskPublic)
async def complete_task(user_id: str, task_id: TaskId, session: SessionDep, body: Completion | None = None) -> Task:
    """Flip `completed`; with a body, set it instead."""
    task = await find(session, user_id, task_id, lock=True)
    task.completed = body.completed if body else not task.completed
    task.updated_at = datetime.now(UTC)
    await session.commit()
    return task


@app.delete("/api/{user_id}/tasks/{task_id}")
async def delete_task(user_id: str, task_id: TaskId, session: SessionDep) -> Message:
    """Remove a task for good."""
    task = await find(session, user_id, task_id, lock=True)
    await session.delete(task)
    await session.commit()
    return Message(message="Task deleted successfully")
