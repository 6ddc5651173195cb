from django.urls import path

from apps.django_books import views

urlpatterns = [
    path("aws.s3", views.Uploads.as_view()),
    path("books.plain", views.plain),
    path("books.asynchronous", views.asynchronous),
    path("books.stream", views.stream),
    path("books.asynchronous.stream", views.asynchronous_stream),
    path("books.slash/", views.plain),
    path("books.protected", views.protected),
    path("books.opened", views.opened),
    path("books.members", views.members),
    path("books.staff", views.Staff.as_view()),
    path("books.readonly", views.readonly),
    path("books.forms", views.Forms.as_view()),
    path("books.failing", views.failing),
]
