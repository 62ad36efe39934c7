from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Stale",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "part", "day", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("part", models.CharField(max_length=8)),
                ("day", models.DateField()),
                ("since", models.DateTimeField()),
            ],
        ),
    ]
