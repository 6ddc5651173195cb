"""Settings for this machine and for Lambda, where template.yaml or serverless.yml set the environment variables."""

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
ON_LAMBDA = "AWS_LAMBDA_FUNCTION_NAME" in os.environ

SECRET_KEY = os.environ["DJANGO_SECRET_KEY"] if ON_LAMBDA else "only for this machine"

# Events are requests to "localhost". Without it Django answers each with 400 Bad Request.
ALLOWED_HOSTS = ["localhost", *os.environ.get("DJANGO_ALLOWED_HOSTS", "").split()]

# A redirect would lose an event: it is answered before any view has seen it. So URLs here have no slash to append, and
# SECURE_SSL_REDIRECT stays off (API Gateway answers HTTPS alone).
APPEND_SLASH = False

INSTALLED_APPS = ["books"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
]
ROOT_URLCONF = "bookshop.urls"
WSGI_APPLICATION = "bookshop.wsgi.application"

if "DATABASE_HOST" in os.environ:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": os.environ["DATABASE_HOST"],
            "NAME": os.environ["DATABASE_NAME"],
            "USER": os.environ["DATABASE_USER"],
            "PASSWORD": os.environ["DATABASE_PASSWORD"],
        }
    }
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ.get("SQLITE_FILE", BASE_DIR / "db.sqlite3"),
        }
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

USE_TZ = True
TIME_ZONE = "UTC"
