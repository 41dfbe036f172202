"""Someone who can sign in: a user, and the subscriber with the same address."""

import getpass
import os
from argparse import ArgumentParser

from django.contrib.auth import get_user_model
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.db import transaction

from departures.models import Subscriber

VARIABLE = "SUBSCRIBER_PASSWORD"


class Command(BaseCommand):
    help = (
        "Let EMAIL sign in. A subscriber of that address gets the account, or a new one is made. "
        f"The password comes from {VARIABLE}, or is asked for."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")

    def handle(self, *args: object, email: str, **options: object) -> None:
        password = os.environ.get(VARIABLE) or getpass.getpass(f"Password of {email}: ")
        try:
            validate_email(email)
            validate_password(password)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        with transaction.atomic():
            subscriber, _ = Subscriber.objects.get_or_create(
                email=email, defaults={"name": email.partition("@")[0]}
            )
            if subscriber.user_id:
                raise CommandError(f"{email} can sign in already.")
            subscriber.user = get_user_model().objects.create_user(email, email, password)
            subscriber.save(update_fields=["user"])
        self.stdout.write(f"{email} can sign in.")
