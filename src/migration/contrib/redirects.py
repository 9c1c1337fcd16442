# What django.contrib.redirects does to the database.

### 0001_initial
class Migration(migrations.Migration):
    dependencies = [('sites', '0001_initial')]
    operations = [
        migrations.CreateModel(
            'Redirect',
            [
                ('id', models.AutoField(auto_created=True, primary_key=True)),
                ('site', models.ForeignKey('sites.Site', on_delete=models.CASCADE)),
                ('old_path', models.CharField(max_length=200, db_index=True)),
                ('new_path', models.CharField(max_length=200, blank=True)),
            ],
            options={'db_table': 'django_redirect', 'unique_together': {('site', 'old_path')}},
        ),
    ]

### 0002_alter_redirect_new_path_help_text since 3.2
class Migration(migrations.Migration):
    dependencies = [('redirects', '0001_initial')]
    operations = []
