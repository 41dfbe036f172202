"""The first schema; the unique constraints also serve as indexes, see models.py."""

import departures.clock
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Airline",
            fields=[
                (
                    "code",
                    models.CharField(
                        help_text="IATA", max_length=2, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=50)),
            ],
        ),
        migrations.CreateModel(
            name="Airport",
            fields=[
                (
                    "code",
                    models.CharField(
                        help_text="FAA, case-sensitive",
                        max_length=3,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("name", models.CharField(blank=True, max_length=60)),
                ("latitude", models.FloatField(help_text="degrees north", null=True)),
                ("longitude", models.FloatField(help_text="degrees east", null=True)),
                ("altitude_ft", models.IntegerField(null=True)),
                (
                    "zone",
                    models.CharField(
                        blank=True, help_text="IANA name; empty if unknown", max_length=30
                    ),
                ),
                ("known", models.BooleanField(default=True)),
            ],
        ),
        migrations.CreateModel(
            name="Plane",
            fields=[
                ("tail_number", models.CharField(max_length=6, primary_key=True, serialize=False)),
                ("year", models.PositiveSmallIntegerField(help_text="of manufacture", null=True)),
                ("type", models.CharField(max_length=30)),
                ("manufacturer", models.CharField(max_length=30)),
                ("model", models.CharField(max_length=20)),
                ("engines", models.PositiveSmallIntegerField()),
                ("seats", models.PositiveSmallIntegerField()),
                ("speed", models.PositiveSmallIntegerField(help_text="cruising, mph", null=True)),
                ("engine", models.CharField(help_text="kind of engine", max_length=20)),
            ],
        ),
        migrations.CreateModel(
            name="Subscriber",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("email", models.EmailField(max_length=254, unique=True)),
                ("name", models.CharField(max_length=60)),
                ("created", models.DateTimeField(default=departures.clock.now)),
            ],
        ),
        migrations.CreateModel(
            name="Flight",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "day",
                    models.DateField(
                        db_index=True, help_text="of the scheduled departure, in New York"
                    ),
                ),
                ("number", models.PositiveSmallIntegerField()),
                (
                    "tail_number",
                    models.CharField(
                        blank=True,
                        help_text="as reported, also where no plane is known by it",
                        max_length=6,
                    ),
                ),
                ("scheduled_departure", models.DateTimeField()),
                ("departure", models.DateTimeField(null=True)),
                (
                    "scheduled_arrival",
                    models.DateTimeField(
                        help_text="unknown where the destination's zone is", null=True
                    ),
                ),
                ("arrival", models.DateTimeField(null=True)),
                (
                    "departure_delay",
                    models.SmallIntegerField(help_text="minutes; negative is early", null=True),
                ),
                (
                    "arrival_delay",
                    models.SmallIntegerField(help_text="minutes; negative is early", null=True),
                ),
                ("air_time", models.PositiveSmallIntegerField(help_text="minutes", null=True)),
                ("distance", models.PositiveSmallIntegerField(help_text="miles")),
                (
                    "airline",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="flights",
                        to="departures.airline",
                    ),
                ),
                (
                    "destination",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="arrivals",
                        to="departures.airport",
                    ),
                ),
                (
                    "origin",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="departures",
                        to="departures.airport",
                    ),
                ),
                (
                    "plane",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="flights",
                        to="departures.plane",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("airline", "number", "origin", "day"), name="one_flight_a_day"
                    )
                ]
            },
        ),
        migrations.CreateModel(
            name="Subscription",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("active", models.BooleanField(default=True)),
                ("created", models.DateTimeField(default=departures.clock.now)),
                (
                    "flight",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="subscriptions",
                        to="departures.flight",
                    ),
                ),
                (
                    "subscriber",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="subscriptions",
                        to="departures.subscriber",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("subscriber", "flight"), name="one_subscription_each"
                    )
                ]
            },
        ),
        migrations.CreateModel(
            name="Notification",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("reminder", "Reminder"),
                            ("delayed", "Delayed"),
                            ("cancelled", "Cancelled"),
                        ],
                        max_length=10,
                    ),
                ),
                ("created", models.DateTimeField(default=departures.clock.now)),
                ("sent_at", models.DateTimeField(null=True)),
                (
                    "subscription",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notifications",
                        to="departures.subscription",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Weather",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("time", models.DateTimeField(help_text="the hour of the report")),
                ("temperature", models.FloatField(help_text="degrees Fahrenheit", null=True)),
                ("dew_point", models.FloatField(help_text="degrees Fahrenheit", null=True)),
                ("humidity", models.FloatField(help_text="relative, per cent", null=True)),
                (
                    "wind_direction",
                    models.PositiveSmallIntegerField(help_text="degrees", null=True),
                ),
                ("wind_speed", models.FloatField(help_text="mph", null=True)),
                ("wind_gust", models.FloatField(help_text="mph", null=True)),
                ("precipitation", models.FloatField(help_text="inches")),
                ("pressure", models.FloatField(help_text="at sea level, millibars", null=True)),
                ("visibility", models.FloatField(help_text="miles")),
                (
                    "origin",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="weather",
                        to="departures.airport",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("origin", "time"), name="one_report_an_hour")
                ],
                "verbose_name_plural": "weather",
            },
        ),
    ]
