# What django.contrib.auth does to the database.

### 0001_initial
class Migration(migrations.Migration):
    initial = True
    dependencies = [('contenttypes', '__first__')]
    operations = [
        migrations.CreateModel(
            'Permission',
            [
                ('id', models.AutoField(auto_created=True, primary_key=True)),
                ('name', models.CharField(max_length=50)),
                ('content_type', models.ForeignKey('contenttypes.ContentType', on_delete=models.CASCADE)),
                ('codename', models.CharField(max_length=100)),
            ],
            options={'unique_together': {('content_type', 'codename')}},
        ),
        migrations.CreateModel(
            'Group',
            [
                ('id', models.AutoField(auto_created=True, primary_key=True)),
                ('name', models.CharField(unique=True, max_length=80)),
                ('permissions', models.ManyToManyField('auth.Permission', blank=True)),
            ],
        ),
        migrations.CreateModel(
            'User',
            [
                ('id', models.AutoField(auto_created=True, primary_key=True)),
                ('password', models.CharField(max_length=128)),
                ('last_login', models.DateTimeField()),
                ('is_superuser', models.BooleanField(default=False)),
                ('username', models.CharField(unique=True, max_length=30)),
                ('first_name', models.CharField(max_length=30, blank=True)),
                ('last_name', models.CharField(max_length=30, blank=True)),
                ('email', models.EmailField(max_length=75, blank=True)),
                ('is_staff', models.BooleanField(default=False)),
                ('is_active', models.BooleanField(default=True)),
                ('date_joined', models.DateTimeField()),
                ('groups', models.ManyToManyField('auth.Group', related_name='user_set', blank=True)),
                ('user_permissions', models.ManyToManyField('auth.Permission', related_name='user_set', blank=True)),
            ],
            options={'swappable': 'AUTH_USER_MODEL'},
        ),
    ]

### 0002_alter_permission_name_max_length since 1.8
class Migration(migrations.Migration):
    dependencies = [('auth', '0001_initial')]
    operations = [migrations.AlterField('permission', 'name', models.CharField(max_length=255))]

### 0003_alter_user_email_max_length since 1.8
class Migration(migrations.Migration):
    dependencies = [('auth', '0002_alter_permission_name_max_length')]
    operations = [migrations.AlterField('user', 'email', models.EmailField(max_length=254, blank=True))]

### 0004_alter_user_username_opts since 1.8
class Migration(migrations.Migration):
    dependencies = [('auth', '0003_alter_user_email_max_length')]
    operations = [migrations.AlterField('user', 'username', models.CharField(max_length=30, unique=True))]

### 0005_alter_user_last_login_null since 1.8
class Migration(migrations.Migration):
    dependencies = [('auth', '0004_alter_user_username_opts')]
    operations = [migrations.AlterField('user', 'last_login', models.DateTimeField(null=True, blank=True))]

### 0006_require_contenttypes_0002 since 1.8
class Migration(migrations.Migration):
    dependencies = [
        ('auth', '0005_alter_user_last_login_null'),
        ('contenttypes', '0002_remove_content_type_name'),
    ]
    operations = []

### 0007_alter_validators_add_error_messages since 1.9
class Migration(migrations.Migration):
    dependencies = [('auth', '0006_require_contenttypes_0002')]
    operations = []

### 0008_alter_user_username_max_length since 1.10
class Migration(migrations.Migration):
    dependencies = [('auth', '0007_alter_validators_add_error_messages')]
    operations = [migrations.AlterField('user', 'username', models.CharField(max_length=150, unique=True))]

### 0009_alter_user_last_name_max_length since 2.0
class Migration(migrations.Migration):
    dependencies = [('auth', '0008_alter_user_username_max_length')]
    operations = [migrations.AlterField('user', 'last_name', models.CharField(max_length=150, blank=True))]

### 0010_alter_group_name_max_length since 2.2
class Migration(migrations.Migration):
    dependencies = [('auth', '0009_alter_user_last_name_max_length')]
    operations = [migrations.AlterField('group', 'name', models.CharField(max_length=150, unique=True))]

### 0011_update_proxy_permissions since 2.2
class Migration(migrations.Migration):
    dependencies = [
        ('auth', '0010_alter_group_name_max_length'),
        ('contenttypes', '0002_remove_content_type_name'),
    ]
    operations = []

### 0012_alter_user_first_name_max_length since 3.1
class Migration(migrations.Migration):
    dependencies = [('auth', '0011_update_proxy_permissions')]
    operations = [migrations.AlterField('user', 'first_name', models.CharField(max_length=150, blank=True))]
