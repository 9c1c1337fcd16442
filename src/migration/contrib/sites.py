# What django.contrib.sites does to the database.

### 0001_initial
class Migration(migrations.Migration):
    dependencies = []
    operations = [
        migrations.CreateModel(
            'Site',
            [
                ('id', models.AutoField(auto_created=True, primary_key=True)),
                ('domain', models.CharField(max_length=100)),
                ('name', models.CharField(max_length=50)),
            ],
            options={'db_table': 'django_site'},
        ),
    ]

### 0002_alter_domain_unique since 1.9
class Migration(migrations.Migration):
    dependencies = [('sites', '0001_initial')]
    operations = [migrations.AlterField('site', 'domain', models.CharField(max_length=100, unique=True))]
