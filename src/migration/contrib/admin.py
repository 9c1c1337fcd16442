# What django.contrib.admin does to the database.

### 0001_initial
class Migration(migrations.Migration):
    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL), ('contenttypes', '__first__')]
    operations = [
        migrations.CreateModel(
            'LogEntry',
            [
                ('id', models.AutoField(auto_created=True, primary_key=True)),
                ('action_time', models.DateTimeField(auto_now=True)),
                ('object_id', models.TextField(null=True, blank=True)),
                ('object_repr', models.CharField(max_length=200)),
                ('action_flag', models.PositiveSmallIntegerField()),
                ('change_message', models.TextField(blank=True)),
                ('content_type', models.ForeignKey('contenttypes.ContentType', on_delete=models.SET_NULL, null=True)),
                ('user', models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)),
            ],
            options={'db_table': 'django_admin_log'},
        ),
    ]

### 0002_logentry_remove_auto_add since 1.9
class Migration(migrations.Migration):
    dependencies = [('admin', '0001_initial')]
    operations = [migrations.AlterField('logentry', 'action_time', models.DateTimeField(editable=False))]

### 0003_logentry_add_action_flag_choices since 2.1
class Migration(migrations.Migration):
    dependencies = [('admin', '0002_logentry_remove_auto_add')]
    operations = []
