"""A middleware of the plainest kind, which Django can only run synchronously."""


def stamp(get_response):
    def middleware(request):
        response = get_response(request)
        response.headers["X-Shelf"] = "fiction"
        return response

    return middleware
