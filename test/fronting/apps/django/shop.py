"""Stock Django with the two settings that its deployment checklist asks for behind a TLS proxy, served by gunicorn:

    python -m gunicorn --worker-class gthread --bind 127.0.0.1:0 shop:application
"""

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path

settings.configure(
    SECRET_KEY="of a test",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"],
    SECURE_SSL_REDIRECT=True,
    SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"),
)


def whoami(request):
    return JsonResponse(
        {
            "url": request.build_absolute_uri(),
            "is_secure": request.is_secure(),
            "forwarded_for": request.META.get("HTTP_X_FORWARDED_FOR"),
            "forwarded": request.META.get("HTTP_FORWARDED"),
        }
    )


urlpatterns = [path("whoami", whoami)]
application = get_wsgi_application()
