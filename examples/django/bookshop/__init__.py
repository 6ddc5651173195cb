"""The project: settings, URLs, and the two doors of its Lambda function."""
