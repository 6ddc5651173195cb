"""A Django project of one file with one URL for S3 events."""

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path

settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="of a benchmark")
urlpatterns = [path("aws.s3", lambda request: JsonResponse({}))]
application = get_wsgi_application()
