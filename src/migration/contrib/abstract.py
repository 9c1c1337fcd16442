# The abstract models of django.contrib: the fields they give to models that derive from them.

### auth
class AbstractBaseUser(models.Model):
    password = models.CharField(max_length=128)
    last_login = models.DateTimeField(blank=True, null=django.VERSION >= (1, 8))

    class Meta:
        abstract = True


class PermissionsMixin(models.Model):
    is_superuser = models.BooleanField(default=False)
    groups = models.ManyToManyField('auth.Group', blank=True, related_name='user_set')
    user_permissions = models.ManyToManyField('auth.Permission', blank=True, related_name='user_set')

    class Meta:
        abstract = True


class AbstractUser(AbstractBaseUser, PermissionsMixin):
    username = models.CharField(max_length=150 if django.VERSION >= (1, 10) else 30, unique=True)
    first_name = models.CharField(max_length=150 if django.VERSION >= (3, 1) else 30, blank=True)
    last_name = models.CharField(max_length=150 if django.VERSION >= (2, 0) else 30, blank=True)
    email = models.EmailField(max_length=254 if django.VERSION >= (1, 8) else 75, blank=True)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField()

    class Meta:
        abstract = True

### sessions
class AbstractBaseSession(models.Model):
    session_key = models.CharField(max_length=40, primary_key=True)
    session_data = models.TextField()
    expire_date = models.DateTimeField(db_index=True)

    class Meta:
        abstract = True
