"""The door for API Gateway's requests; CLOUD_EVENTS_HTTP_HANDLER names it."""

from apig_wsgi import make_lambda_handler

from bookshop.wsgi import application

handler = make_lambda_handler(application)
