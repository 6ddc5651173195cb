"""A module that fails while it is imported."""

import no_such_library  # noqa: F401
