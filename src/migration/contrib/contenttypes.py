# What django.contrib.contenttypes does to the database.

### 0001_initial
class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            'ContentType',
            [
                ('id', models.AutoField(auto_created=True, primary_key=True)),
                ('name', models.CharField(max_length=100)),
                ('app_label', models.CharField(max_length=100)),
                ('model', models.CharField(max_length=100)),
            ],
            options={'db_table': 'django_content_type'},
        ),
        migrations.AlterUniqueTogether('contenttype', {('app_label', 'model')}),
    ]

### 0002_remove_content_type_name since 1.8
class Migration(migrations.Migration):
    dependencies = [('contenttypes', '0001_initial')]
    operations = [
        migrations.AlterField('contenttype', 'name', models.CharField(max_length=100, null=True)),
        migrations.RemoveField('contenttype', 'name'),
    ]
