# What django.contrib.sessions does to the database.

### 0001_initial
class Migration(migrations.Migration):
    dependencies = []
    operations = [
        migrations.CreateModel(
            'Session',
            [
                ('session_key', models.CharField(max_length=40, primary_key=True)),
                ('session_data', models.TextField()),
                ('expire_date', models.DateTimeField(db_index=True)),
            ],
            options={'db_table': 'django_session'},
        ),
    ]
