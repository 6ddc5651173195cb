"""A bookshop in each framework: two views without a guard of their own, for EventsOnly to guard one by its path.

POST /aws.s3 answers "reached"; POST /books answers whether its request is an event.
"""

import bottle as bottle_framework
import falcon
import falcon.asgi
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from fastapi import FastAPI, Request
from flask import Flask
from flask import request as flask_request
from litestar import Litestar, post
from litestar import Request as LitestarRequest
from pyramid.config import Configurator
from pyramid.response import Response
from quart import Quart
from quart import request as quart_request
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from cloud_events import is_event

VIEWS = {"aws.s3": lambda request: "reached", "books": lambda request: str(is_event(request))}


def flask():
    application = Flask("shop")
    for name, view in VIEWS.items():
        application.post(f"/{name}", endpoint=name[:3])(lambda view=view: view(flask_request))
    return application


def bottle():
    application = bottle_framework.Bottle()
    for name, view in VIEWS.items():
        application.post(f"/{name}")(lambda view=view: view(bottle_framework.request))
    return application


def pyramid(traversal):
    with Configurator() as config:
        for name, view in VIEWS.items():
            where = {"name": name} if traversal else {"route_name": name}
            if not traversal:
                config.add_route(name, f"/{name}")
            config.add_view(lambda request, view=view: Response(view(request)), request_method="POST", **where)
        return config.make_wsgi_app()


class Resource:
    def __init__(self, view):
        self.view = view

    def on_post(self, request, response):
        response.text = self.view(request)


class AsyncResource(Resource):
    async def on_post(self, request, response):
        response.text = self.view(request)


def falcon_of(application, resource):
    application.req_options.strip_url_path_trailing_slash = True
    for name, view in VIEWS.items():
        application.add_route(f"/{name}", resource(view))
    return application


def endpoint(view, request_class, answer):
    async def endpoint(request: request_class):
        return answer(view(request))

    return endpoint


def starlette():
    return Starlette(
        routes=[
            Route(f"/{name}", endpoint(view, None, PlainTextResponse), methods=["POST"]) for name, view in VIEWS.items()
        ]
    )


def fastapi(**options):
    application = FastAPI(**options)
    for name, view in VIEWS.items():
        application.post(f"/{name}")(endpoint(view, Request, PlainTextResponse))
    return application


def quart():
    application = Quart("shop")
    for name, view in VIEWS.items():

        async def answer(view=view):
            return view(quart_request)

        application.post(f"/{name}", endpoint=name[:3])(answer)
    return application


def litestar():
    route = {"media_type": "text/plain", "status_code": 200}
    handlers = []
    for name, view in VIEWS.items():
        answer = endpoint(view, LitestarRequest, str)
        answer.__annotations__["return"] = str
        handlers.append(post(f"/{name}", **route)(answer))
    return Litestar(handlers, logging_config=None)


# Django's views are in apps.guarded.django_shop.
SHOPS = {
    "django": ("wsgi", get_wsgi_application),
    "django-asgi": ("asgi", get_asgi_application),
    "flask": ("wsgi", flask),
    "bottle": ("wsgi", bottle),
    "pyramid": ("wsgi", lambda: pyramid(traversal=False)),
    "pyramid-traversal": ("wsgi", lambda: pyramid(traversal=True)),
    "falcon": ("wsgi", lambda: falcon_of(falcon.App(), Resource)),
    "falcon-asgi": ("asgi", lambda: falcon_of(falcon.asgi.App(), AsyncResource)),
    "starlette": ("asgi", starlette),
    "fastapi": ("asgi", fastapi),
    "quart": ("asgi", quart),
    "litestar": ("asgi", litestar),
}
