"""A shop whose orders come from a queue."""

from typing import Any

from flask import Flask

from shop import stock, views


def create_app(**config: Any) -> Flask:
    """Return the application; its settings are variables such as FLASK_DATABASE, and *config* above them."""
    app = Flask(__name__)
    app.config["DATABASE"] = "shop.sqlite3"
    app.config.from_prefixed_env()
    app.config.update(config)
    with app.app_context():
        stock.create_tables()
    app.register_blueprint(views.blueprint)
    return app
