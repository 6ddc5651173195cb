"""A view whose ``@events_only`` is above the decorator of the route, in applications inside one another."""

from functools import wraps

from a2wsgi import WSGIMiddleware
from asgiref.wsgi import WsgiToAsgi
from fastapi import APIRouter, FastAPI
from flask import Blueprint, Flask
from quart import Quart
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Mount, Route
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from cloud_events import EventsOnly, events_only


def misplaced(register, other=lambda view: view):
    """As ``@events_only``, ``@other`` and ``@register`` above ``def uploaded()``."""

    def uploaded():
        return "open"

    events_only(other(register(uploaded)))
    return uploaded


def flask(other=lambda view: view):
    application = Flask("misplaced")
    misplaced(application.post("/aws.s3"), other)
    return application


def flask_decorated():
    return flask(lambda view: wraps(view)(lambda: view()))


def flask_blueprint():
    application, routes = Flask("misplaced"), Blueprint("events", "misplaced")
    misplaced(routes.post("/aws.s3"))
    application.register_blueprint(routes, url_prefix="/events")
    return application


def flask_inside():
    application = Flask("outside")
    application.wsgi_app = DispatcherMiddleware(application.wsgi_app, {"/shop": ProxyFix(flask())})
    return application


class Outer:
    """Middleware, as WhiteNoise's."""

    def __init__(self, application):
        self.application = application

    def __call__(self, environ, start_response):
        return self.application(environ, start_response)


def flask_converted():
    return WsgiToAsgi(Outer(EventsOnly(flask().wsgi_app)))


def quart():
    application = Quart("misplaced")
    misplaced(application.post("/aws.s3"))
    return application


def quart_outside():
    application = Quart("outside")
    application.asgi_app = CORSMiddleware(fastapi())
    return application


def fastapi():
    application = FastAPI()
    misplaced(application.post("/aws.s3"))
    return application


def fastapi_router():
    application, outer, inner = FastAPI(), APIRouter(), APIRouter()
    misplaced(inner.post("/aws.s3"))
    outer.include_router(inner, prefix="/inner")
    application.include_router(outer, prefix="/outer")
    return application


def fastapi_mounts(inside):
    application = FastAPI()
    application.mount("/shop", inside)
    return application


def starlette():
    return Starlette(routes=[Mount("/shop", routes=[Route("/aws.s3", misplaced(lambda view: view))])])


BUILDERS = {
    **{build.__name__: build for build in (flask, flask_decorated, flask_blueprint, flask_inside, flask_converted)},
    **{build.__name__: build for build in (quart, quart_outside, fastapi, fastapi_router, starlette)},
    "fastapi_mounted": lambda: fastapi_mounts(CORSMiddleware(fastapi())),
    "bridged": lambda: fastapi_mounts(WSGIMiddleware(flask())),
}
