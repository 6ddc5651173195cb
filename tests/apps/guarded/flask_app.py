"""Flask: views of every kind behind ``events_only``."""

from flask import Flask
from flask.views import MethodView

from cloud_events import events_only

application = Flask(__name__)


@application.post("/function")
@events_only
def function():
    return "in"


@application.post("/coroutine")
@events_only
async def coroutine():
    return "in"


@application.post("/parameters/<path:rest>")
@events_only
def parameters(rest):
    return "in"


class Method(MethodView):
    decorators = [events_only]

    def post(self):
        return "in"


application.add_url_rule("/method", view_func=Method.as_view("method"))
