"""Views that read the message itself, each in its framework's own words; what they read stands in SEEN."""

import os

import flask
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from fastapi import FastAPI
from pydantic import BaseModel

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "apps.django_books.settings")

from rest_framework.response import Response  # it looks at Django's settings
from rest_framework.views import APIView

SEEN = []


class Order(BaseModel):
    order: int


by_fastapi = FastAPI()


@by_fastapi.post("/aws.sqs")
async def ordered(order: Order):
    SEEN.append(order)


by_flask = flask.Flask(__name__)


@by_flask.post("/aws.sqs")
def received():
    SEEN.append(flask.request.get_json() if flask.request.is_json else flask.request.get_data(as_text=True))
    return "", 204


class Orders(APIView):
    def post(self, request):
        SEEN.append(request.data)
        return Response(status=204)


@csrf_exempt
def plain(request):
    SEEN.append(request.body.decode())
    return HttpResponse(status=204)


urlpatterns = [path("aws.sqs", Orders.as_view()), path("aws.sns", plain)]
by_django = get_wsgi_application()
