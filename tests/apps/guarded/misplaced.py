"""Views whose ``@events_only`` is above the decorator of the route, in applications inside one another."""

from functools import wraps

from a2wsgi import WSGIMiddleware
from asgiref.wsgi import WsgiToAsgi
from fastapi import APIRouter, FastAPI, WebSocket
from flask import Blueprint, Flask
from quart import Quart
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Mount, Route
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from cloud_events import EventsOnly, events_only


def flask():
    application = Flask("misplaced")

    @events_only
    @application.post("/aws.s3")
    def uploaded():
        return "open"

    return application


def blueprint():
    application = Flask("misplaced")
    routes = Blueprint("events", "misplaced")

    @events_only
    @routes.post("/aws.s3")
    def uploaded():
        return "open"

    application.register_blueprint(routes, url_prefix="/events")
    return application


def flask_inside():
    application = Flask("outside")
    application.wsgi_app = DispatcherMiddleware(application.wsgi_app, {"/shop": ProxyFix(flask())})
    return application


def quart():
    application = Quart("misplaced")

    @events_only
    @application.post("/aws.s3")
    async def uploaded():
        return "open"

    return application


def fastapi():
    application = FastAPI()

    @events_only
    @application.post("/aws.s3")
    def uploaded():
        return "open"

    return application


def fastapi_router():
    application, outer, inner = FastAPI(), APIRouter(), APIRouter()

    @events_only
    @inner.post("/aws.s3")
    def uploaded():
        return "open"

    outer.include_router(inner, prefix="/inner")
    application.include_router(outer, prefix="/outer")
    return application


def fastapi_mounted():
    application = FastAPI()
    application.mount("/shop", CORSMiddleware(fastapi()))
    return application


def bridged():
    application = FastAPI()
    application.mount("/shop", WSGIMiddleware(flask()))
    return application


def socket():
    application = FastAPI()

    @events_only
    @application.websocket("/socket")
    async def uploaded(websocket: WebSocket):
        await websocket.accept()

    return application


def decorated():
    """What is registered is wrapped by another decorator."""
    application = Flask("misplaced")

    def other(view):
        return wraps(view)(lambda: view())

    @events_only
    @other
    @application.post("/aws.s3")
    def uploaded():
        return "open"

    return application


def starlette():
    async def uploaded(request):
        raise NotImplementedError

    events_only(uploaded)
    return Starlette(routes=[Mount("/shop", routes=[Route("/aws.s3", uploaded)])])


class Outer:
    """Middleware, as WhiteNoise's."""

    def __init__(self, application):
        self.application = application

    def __call__(self, environ, start_response):
        return self.application(environ, start_response)


def converted():
    return WsgiToAsgi(Outer(EventsOnly(flask().wsgi_app)))


def quart_outside():
    application = Quart("outside")
    application.asgi_app = CORSMiddleware(fastapi())
    return application


BUILDERS = [
    *(flask, blueprint, flask_inside, quart, quart_outside, fastapi, fastapi_router, fastapi_mounted, bridged, socket),
    *(decorated, starlette, converted),
]
