"""One view in each framework, for every path: it shows its request, its headers and its body to a callable, `look`."""

import os

import falcon
import falcon.asgi
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import re_path
from django.views.decorators.csrf import csrf_exempt
from fastapi import FastAPI, Request
from flask import Flask
from flask import request as flask_request
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route


def flask(look):
    """Flask, which hands its view no request."""
    application = Flask(__name__)

    @application.post("/", defaults={"path": ""})
    @application.post("/<path:path>")
    def view(path):
        look(flask_request, flask_request.headers, flask_request.get_data())
        return "seen"

    return application


def fastapi(look):
    """FastAPI."""
    application = FastAPI()

    @application.post("/{path:path}")
    async def view(request: Request):
        look(request, request.headers, await request.body())
        return "seen"

    return application


def starlette(look):
    """Starlette."""

    async def view(request):
        look(request, request.headers, await request.body())
        return PlainTextResponse("seen")

    return Starlette(routes=[Route("/{path:path}", view, methods=["POST"])])


def falcon_wsgi(look):
    """Falcon, WSGI."""

    def view(request, response):
        look(request, request.headers, request.bounded_stream.read())

    application = falcon.App()
    application.add_sink(view)
    return application


def falcon_asgi(look):
    """Falcon, ASGI."""

    async def view(request, response):
        look(request, request.headers, await request.stream.read())

    application = falcon.asgi.App()
    application.add_sink(view)
    return application


# Django's views are found by the name of their module, which ROOT_URLCONF must be.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "apps.django_books.settings")
LOOK = []


@csrf_exempt
def _view(request):
    LOOK[0](request, request.headers, request.body)
    return HttpResponse("seen")


urlpatterns = [re_path("", _view)]


def django_wsgi(look):
    """Django, WSGI."""
    LOOK[:] = [look]
    return get_wsgi_application()


def django_asgi(look):
    """Django, ASGI."""
    LOOK[:] = [look]
    return get_asgi_application()
