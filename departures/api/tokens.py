"""Signing in: tokens of simplejwt, whose refresh tokens are good for one use."""

from functools import partial
from typing import Any

from drf_yasg.utils import swagger_auto_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle
from rest_framework_simplejwt import serializers as jwt_serializers
from rest_framework_simplejwt import views

from . import schema

# As it was typed: simplejwt's own fields would trim a password that begins with a blank.
Text = partial(serializers.RegexField, r"^[^\x00]+$", max_length=2_000, trim_whitespace=False)


class SignInSerializer(jwt_serializers.TokenObtainPairSerializer):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"] = Text(help_text="the address", write_only=True)
        self.fields["password"] = Text(write_only=True)


class RefreshSerializer(jwt_serializers.TokenRefreshSerializer):
    refresh = Text()


class SignOutSerializer(jwt_serializers.TokenBlacklistSerializer):
    refresh = Text(write_only=True)


class TokensSerializer(serializers.Serializer):
    access = serializers.CharField(help_text="for the header Authorization: Bearer ...")
    refresh = serializers.CharField(help_text="buys the next pair, once")

    class Meta:
        ref_name = "Tokens"


class TokenView(views.TokenViewBase):
    throttle_classes = (ScopedRateThrottle,)
    throttle_scope = "sign-in"


class SignIn(TokenView):
    serializer_class = SignInSerializer

    @swagger_auto_schema(responses={200: schema.response("Signed in.", TokensSerializer)})
    def post(self, request: Request) -> Response:
        """A pair of tokens for an address and a password."""
        return super().post(request)


class Refresh(TokenView):
    serializer_class = RefreshSerializer

    @swagger_auto_schema(responses={200: schema.response("Refreshed.", TokensSerializer)})
    def post(self, request: Request) -> Response:
        """The next pair of tokens for a refresh token, which cannot be used again."""
        return super().post(request)


class SignOut(TokenView):
    serializer_class = SignOutSerializer

    @swagger_auto_schema(responses={200: schema.response("Signed out.")})
    def post(self, request: Request) -> Response:
        """The refresh token buys nothing any more."""
        return super().post(request)
