"""What is at which URL: the website's, then those that events are sent to."""

from django.urls import path

from books import events, views

urlpatterns = [
    path("books", views.books),
    path("books/<int:pk>", views.book),
    path("aws.s3", events.uploads),
    path("aws.sqs", events.corrections),
    path("aws.events", events.nightly),
]
