"""The bookshop in Bottle."""

from bottle import Bottle, request, response

from apps.shelf import add_books, note

application = Bottle()


@application.post("/aws.s3")
def uploaded():
    event = request.json
    note(request.method, request.path, request.headers, event, request.environ)
    response.status = 201
    return {"books": add_books(event)}
