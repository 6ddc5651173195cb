"""The bookshop in Django: a project and its one app, with Django REST framework and an SQLite database."""
