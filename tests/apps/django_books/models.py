from django.db import models


class Book(models.Model):
    bucket = models.CharField(max_length=63)
    name = models.CharField(max_length=1024)
    size = models.BigIntegerField()
