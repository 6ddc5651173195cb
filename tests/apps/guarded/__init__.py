"""Small applications, one in each framework: views behind ``events_only``, and a bookshop without a lock of its own.

Every locked view answers "in" to whom it lets in. The bookshop's only locked room is the path /aws.s3.
"""
