"""The six endpoints."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from rest_framework import status, views, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, ParseError, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from .models import Task
from .serializers import CompletionSerializer, TaskSerializer


def exception_handler(exception: Exception, context: dict[str, Any]) -> Response | None:
    """Give errors the statuses and words of the contract."""
    if isinstance(exception, Http404):
        exception = NotFound("Task not found")
    response = views.exception_handler(exception, context)
    if isinstance(exception, ParseError | ValidationError):
        response.status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    return response


class TaskViewSet(viewsets.ModelViewSet):
    """The tasks of one user."""

    serializer_class = TaskSerializer
    lookup_field = "id"
    lookup_url_kwarg = "task_id"
    lookup_value_regex = "[^/]+"

    def get_queryset(self) -> QuerySet[Task]:
        """Return the tasks of the user in the path, locked where the new value depends on the old."""
        queryset = Task.objects.filter(user_id=self.kwargs["user_id"])
        return queryset.select_for_update() if self.action == "complete" else queryset

    def perform_create(self, serializer: TaskSerializer) -> None:
        """Create a task of the user in the path."""
        serializer.save(user_id=self.kwargs["user_id"])

    def get_success_headers(self, data: dict[str, Any]) -> dict[str, str]:
        """Tell where the new task is."""
        return {"Location": reverse("task-detail", [self.kwargs["user_id"], data["id"]])}

    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change the fields that are sent."""
        return super().update(request, *args, **kwargs | {"partial": True})

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Remove a task for good."""
        super().destroy(request, *args, **kwargs)
        return Response({"message": "Task deleted successfully"})

    @action(detail=True, methods=["patch"])
    @transaction.atomic
    def complete(self, request: Request, **kwargs: Any) -> Response:
        """Flip `completed`; with a body, set it instead."""
        completed = None
        if request.body:
            body = CompletionSerializer(data=request.data)
            body.is_valid(raise_exception=True)
            completed = body.validated_data["completed"]
        task = self.get_object()
        task.completed = not task.completed if completed is None else completed
        task.save(update_fields=["completed", "updated_at"])
        return Response(self.get_serializer(task).data)
