"""The bodies of requests and answers."""

from typing import Any

from django.db import models
from rest_framework import serializers

from .models import Task


class StrictCharField(serializers.CharField):
    """A string; a number is refused."""

    def to_internal_value(self, data: Any) -> str:
        """Refuse a value that is not a string."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictBooleanField(serializers.BooleanField):
    """A boolean; a string is refused."""

    def to_internal_value(self, data: Any) -> bool:
        """Refuse a value that is not a boolean."""
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class TaskSerializer(serializers.ModelSerializer):
    """A task."""

    serializer_field_mapping = serializers.ModelSerializer.serializer_field_mapping | {
        models.CharField: StrictCharField,
        models.BooleanField: StrictBooleanField,
    }

    class Meta:
        model = Task
        fields = ["id", "user_id", "title", "description", "completed", "created_at", "updated_at"]
        read_only_fields = ["id", "user_id"]
        extra_kwargs = {"description": {"trim_whitespace": False}}

    def update(self, instance: Task, validated_data: dict[str, Any]) -> Task:
        """Save only what was sent, so that a racing change of another field is not lost."""
        if validated_data:
            for name, value in validated_data.items():
                setattr(instance, name, value)
            instance.save(update_fields=[*validated_data, "updated_at"])
        return instance


class CompletionSerializer(serializers.Serializer):
    """The body that sets `completed`."""

    completed = StrictBooleanField()
