/* hidden.c - calls in which libc closes or makes numbers by itself, by hand */
#include <errno.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "owned.h"

/* What libc has made, and may be any socket. */
static int
made(int fd)
{
	if (fd < 0)
		return fd;
	descriptor_fresh(fd);
	if (!process_vforked())
		owned_forget(fd);
	return fd;
}

static void
look_again(void)
{
	if (unlikely(engine_get() != NULL) && !process_vforked())
		engine_get()->sweep();
}

/* Over all three, as login_tty(3) and daemon(3) have it. */
static void
over_standard(int fd)
{
	int i;

	for (i = 0; i <= 2; i++)
		while (dup2(fd, i) == -1 && errno == EBUSY)
			;
	if (fd > 2)
		(void)close(fd);
}

static int
give_up(int fd, int why)
{
	(void)close(fd);
	errno = why;
	return -1;
}

EXPORTS_BEGIN

int
closedir(DIR *d)
{
	DIR *volatile given = d; /* NULL is EINVAL, whatever dirent.h says */

	libc_need();
	if (given != NULL)
		descriptor_vacate(dirfd(d));
	return libc.closedir(d);
}

/* Without FTS_NOCHDIR it keeps the folder it began in. */
#define FTS_CLOSE(name, type)                            \
	int name(type *f)                                \
	{                                                \
		libc_need();                             \
		if (!(f->fts_options & FTS_NOCHDIR))     \
			descriptor_vacate(f->fts_rfd);   \
		return libc.name(f);                     \
	}

FTS_CLOSE(fts_close, FTS)
FTS_CLOSE(fts64_close, FTS64)

int
endmntent(FILE *f)
{
	libc_need();
	if (f != NULL)
		(void)fclose(f);
	return 1; /* always, says getmntent(3) */
}

int
mq_close(mqd_t fd)
{
	libc_need();
	descriptor_vacate(fd);
	return libc.mq_close(fd);
}

int
login_tty(int fd)
{
	libc_need();
	(void)setsid();
	if (libc.ioctl(fd, TIOCSCTTY, NULL) == -1)
		return -1;
	over_standard(fd);
	return 0;
}

int
forkpty(int *master, char *name, const struct termios *how,
    const struct winsize *size)
{
	int ours, theirs, pid;

	if (openpty(&ours, &theirs, name, how, size) == -1)
		return -1;
	pid = fork();
	if (pid == 0) {
		(void)close(ours);
		if (login_tty(theirs) == -1)
			_exit(1);
		return 0;
	}
	(void)close(theirs);
	if (pid == -1)
		return give_up(ours, errno);
	*master = ours;
	return pid;
}

/* daemon(3): what stands at /dev/null must be the null device. */
int
daemon(int nochdir, int noclose)
{
	struct stat st;
	int fd;

	switch (fork()) {
	case -1:
		return -1;
	case 0:
		break;
	default:
		_exit(0);
	}
	if (setsid() == -1)
		return -1;
	if (!nochdir)
		(void)!chdir("/");
	if (noclose)
		return 0;
	fd = open("/dev/null", O_RDWR);
	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1)
		return give_up(fd, errno);
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
		return give_up(fd, ENODEV);
	over_standard(fd);
	return 0;
}

#define ENDS(name)            \
	void name(void)       \
	{                     \
		libc_need();  \
		libc.name();  \
		look_again(); \
	}

ENDS(endpwent)
ENDS(endgrent)
ENDS(endspent)
ENDS(endsgent)
ENDS(endhostent)
ENDS(endnetent)
ENDS(endprotoent)
ENDS(endservent)
ENDS(endrpcent)
ENDS(endaliasent)
ENDS(endfsent)
ENDS(endnetgrent)
ENDS(endutent)
ENDS(endutxent)

int
endttyent(void)
{
	int rv;

	libc_need();
	rv = libc.endttyent();
	look_again();
	return rv;
}

/* Both close the file that was open under the former name. */
#define UTMP_NAME(name)                \
	int name(const char *path)     \
	{                              \
		int rv;                \
                                       \
		libc_need();           \
		rv = libc.name(path);  \
		look_again();          \
		return rv;             \
	}

UTMP_NAME(utmpname)
UTMP_NAME(utmpxname)

int
socketpair(int domain, int type, int protocol, int v[2])
{
	int rv;

	libc_need();
	rv = libc.socketpair(domain, type, protocol, v);
	if (rv == 0) {
		(void)made(v[0]);
		(void)made(v[1]);
	}
	return rv;
}

int
rresvport(int *port)
{
	libc_need();
	return made(libc.rresvport(port));
}

int
rresvport_af(int *port, sa_family_t af)
{
	libc_need();
	return made(libc.rresvport_af(port, af));
}

EXPORTS_END
