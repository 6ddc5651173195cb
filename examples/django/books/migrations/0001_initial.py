"""The table of books."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Book",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("bucket", models.CharField(max_length=63)),
                ("key", models.CharField(max_length=1024)),
                ("title", models.CharField(max_length=1024)),
                ("size", models.BigIntegerField(help_text="in bytes")),
                ("etag", models.CharField(max_length=64)),
                ("added", models.DateTimeField()),
            ],
            options={
                "ordering": ["title"],
                "constraints": [models.UniqueConstraint(fields=("bucket", "key"), name="one_book_per_object")],
            },
        ),
    ]
