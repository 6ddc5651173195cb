"""The website's own URLs."""

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods

from books.models import Book


@require_GET
def books(request: HttpRequest) -> JsonResponse:
    """Answer the books that the shop has, by title."""
    return JsonResponse({"books": list(Book.objects.values("id", "title", "size", "added"))})


# A client of this API has no cookie that another site could abuse: API Gateway asks it for a signature (template.yaml).
@csrf_exempt
@require_http_methods(["DELETE"])
def book(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a book out of the shop; its object stays in the bucket."""
    deleted, _ = Book.objects.filter(pk=pk).delete()
    if not deleted:
        raise Http404
    return HttpResponse(status=204)
