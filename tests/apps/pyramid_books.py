"""The bookshop in Pyramid."""

from pyramid.config import Configurator

from apps.shelf import add_books, note


def uploaded(request):
    event = request.json_body
    note(request.method, request.path, request.headers, event, request.environ)
    request.response.status_int = 201
    return {"books": add_books(event)}


with Configurator() as config:
    config.add_route("uploads", "/aws.s3")
    config.add_view(uploaded, route_name="uploads", renderer="json", request_method="POST")
    application = config.make_wsgi_app()
