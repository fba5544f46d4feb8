"""The table, which exists already."""

from django.db import models


class UUIDv7(models.Func):
    """An id made by the database."""

    function = "uuidv7"
    output_field = models.UUIDField()


class Task(models.Model):
    """One task of one user."""

    pk = models.CompositePrimaryKey("user_id", "id")
    user_id = models.CharField(max_length=255)
    id = models.UUIDField(db_default=UUIDv7(), editable=False)
    title = models.CharField(max_length=500)
    description = models.CharField(max_length=5000, null=True, blank=True)
    completed = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        managed = False
        db_table = "tasks"
        ordering = ["id"]

    def __str__(self) -> str:
        return self.title
