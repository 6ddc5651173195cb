"""Django: views of every kind behind ``events_only``, and one without."""

from django.http import HttpResponse
from django.urls import path
from django.utils.decorators import method_decorator
from django.views import View
from rest_framework.decorators import api_view
from rest_framework.response import Response
from rest_framework.views import APIView

from cloud_events import events_only


@events_only
def function(request):
    return HttpResponse("in")


@events_only
async def coroutine(request):
    return HttpResponse("in")


class Open(View):
    def post(self, request):
        return HttpResponse("in")


class OpenAsync(View):
    async def post(self, request):
        return HttpResponse("in")


@method_decorator(events_only, name="dispatch")
class Plain(Open): ...


@method_decorator(events_only, name="dispatch")
class Async(OpenAsync): ...


@method_decorator(events_only, name="dispatch")
class Rest(APIView):
    def post(self, request):
        return Response("in")


class RestMethod(APIView):
    @method_decorator(events_only)
    def post(self, request):
        return Response("in")


@events_only
@api_view(["POST"])
def rest_outside(request):
    return Response("in")


@api_view(["POST"])
@events_only
def rest_inside(request):
    return Response("in")


def protected(request):
    return HttpResponse("in")


urlpatterns = [
    path("function", function),
    path("coroutine", coroutine),
    path("plain", Plain.as_view()),
    path("async", Async.as_view()),
    path("wrapped", events_only(Open.as_view())),
    path("wrapped-async", events_only(OpenAsync.as_view())),
    path("rest", Rest.as_view()),
    path("rest-method", RestMethod.as_view()),
    path("rest-outside", rest_outside),
    path("rest-inside", rest_inside),
    path("protected", protected),
]
