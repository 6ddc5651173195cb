"""What the shop knows of a book; the book itself is in S3."""

from django.db import models


class Book(models.Model):
    """The metadata of one object in the bucket."""

    bucket = models.CharField(max_length=63)
    key = models.CharField(max_length=1024)
    title = models.CharField(max_length=1024)
    size = models.BigIntegerField(help_text="in bytes")
    etag = models.CharField(max_length=64)
    added = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["bucket", "key"], name="one_book_per_object")]
        ordering = ["title"]

    def __str__(self) -> str:
        return self.title
