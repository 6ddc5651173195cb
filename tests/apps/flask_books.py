"""The bookshop in Flask."""

from flask import Flask, request

from apps.shelf import add_books, note

application = Flask(__name__)


@application.post("/aws.s3")
def uploaded():
    event = request.get_json()
    note(request.method, request.path, request.headers, event, request.environ)
    return {"books": add_books(event)}, 201
