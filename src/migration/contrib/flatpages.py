# What django.contrib.flatpages does to the database.

### 0001_initial
class Migration(migrations.Migration):
    dependencies = [('sites', '0001_initial')]
    operations = [
        migrations.CreateModel(
            'FlatPage',
            [
                ('id', models.AutoField(auto_created=True, primary_key=True)),
                ('url', models.CharField(max_length=100, db_index=True)),
                ('title', models.CharField(max_length=200)),
                ('content', models.TextField(blank=True)),
                ('enable_comments', models.BooleanField(default=False)),
                ('template_name', models.CharField(max_length=70, blank=True)),
                ('registration_required', models.BooleanField(default=False)),
                ('sites', models.ManyToManyField('sites.Site')),
            ],
            options={'db_table': 'django_flatpage'},
        ),
    ]
