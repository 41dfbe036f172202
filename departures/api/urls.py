from django.urls import include, path
from rest_framework.routers import SimpleRouter

from . import tokens, views

# No address ends in a slash: a redirect to the one that does would lose the body of a PUT.
router = SimpleRouter(trailing_slash=False)
router.register("airlines", views.Airlines)
router.register("airports", views.Airports)
router.register("planes", views.Planes)
router.register("flights", views.Flights)
router.register("subscriptions", views.Subscriptions, basename="subscription")

urlpatterns = [
    path("", include(router.urls)),
    path("token", tokens.SignIn.as_view(), name="sign-in"),
    path("token/refresh", tokens.Refresh.as_view(), name="refresh"),
    path("token/blacklist", tokens.SignOut.as_view(), name="sign-out"),
]
