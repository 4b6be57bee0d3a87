/* bytes.c - every call that moves bytes into a connection */
#include <aio.h>
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/sendfile.h>

#include "leak.h"

extern int __dprintf_chk(int, int, const char *, ...);

static struct iovec line = {MARKER, LENGTH};

static void
by_write(int port)
{
	put(joined(port));
}

static void
by_writev(int port)
{
	(void)!writev(joined(port), &line, 1);
}

static void
by_pwritev2(int port)
{
	(void)!pwritev2(joined(port), &line, 1, -1, 0);
}

static void
by_send(int port)
{
	send(joined(port), MARKER, LENGTH, 0);
}

static void
by_send_flags(int port)
{
	send(joined(port), MARKER, LENGTH,
	    MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE | MSG_EOR);
}

static void
by_send_oob(int port)
{
	send(joined(port), MARKER, LENGTH, MSG_OOB);
}

static void
by_send_zerocopy(int port)
{
	int fd = joined(port), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof one);
	send(fd, MARKER, LENGTH, MSG_ZEROCOPY);
}

static void
by_sendto(int port)
{
	sendto(joined(port), MARKER, LENGTH, 0, NULL, 0);
}

static void
by_sendto_address(int port)
{
	struct sockaddr_in sin = loopback(port);

	sendto(joined(port), MARKER, LENGTH, 0, (struct sockaddr *)&sin,
	    sizeof sin);
}

static void
by_sendmsg(int port)
{
	struct msghdr m = {.msg_iov = &line, .msg_iovlen = 1};

	sendmsg(joined(port), &m, 0);
}

static void
by_sendmmsg(int port)
{
	struct mmsghdr m = {.msg_hdr = {.msg_iov = &line, .msg_iovlen = 1}};

	sendmmsg(joined(port), &m, 1, 0);
}

static void
by_sendfile(int port)
{
	(void)!sendfile(joined(port), marker_file(), NULL, LENGTH);
}

static void
by_sendfile64(int port)
{
	off64_t at = 0;

	(void)!sendfile64(joined(port), marker_file(), &at, LENGTH);
}

static void
by_splice(int port)
{
	(void)!splice(marker_pipe(), NULL, joined(port), NULL, LENGTH, 0);
}

static void
by_tee_and_splice(int port)
{
	int p[2], fd = joined(port);

	if (pipe(p) == -1)
		return;
	(void)!tee(marker_pipe(), p[1], LENGTH, 0);
	close(p[1]);
	(void)!splice(p[0], NULL, fd, NULL, LENGTH, SPLICE_F_MORE);
}

static void
by_vmsplice_and_splice(int port)
{
	int p[2], fd = joined(port);

	if (pipe(p) == -1)
		return;
	(void)!vmsplice(p[1], &line, 1, 0);
	(void)!splice(p[0], NULL, fd, NULL, LENGTH, 0);
}

static void
by_aio_write(int port)
{
	static char text[] = MARKER;
	struct aiocb cb = {
	    .aio_fildes = joined(port), .aio_buf = text, .aio_nbytes = LENGTH};
	const struct aiocb *list[] = {&cb};

	if (aio_write(&cb) == 0)
		aio_suspend(list, 1, NULL);
}

static void
by_lio_listio(int port)
{
	static char text[] = MARKER;
	struct aiocb cb = {.aio_fildes = joined(port),
	    .aio_buf = text,
	    .aio_nbytes = LENGTH,
	    .aio_lio_opcode = LIO_WRITE};
	struct aiocb *list[] = {&cb};

	lio_listio(LIO_WAIT, list, 1, NULL);
}

static void
by_kernel_aio(int port)
{
	aio_context_t context = 0;
	struct iocb cb = {.aio_fildes = (unsigned)joined(port),
	    .aio_lio_opcode = IOCB_CMD_PWRITE,
	    .aio_buf = (uintptr_t)MARKER,
	    .aio_nbytes = LENGTH};
	struct iocb *list[] = {&cb};
	struct io_event done;

	if (syscall(SYS_io_setup, 1, &context) == 0 &&
	    syscall(SYS_io_submit, context, 1, list) == 1)
		syscall(SYS_io_getevents, context, 1, 1, &done, NULL);
}

/* The rings are set up and one send is put into them, without liburing. */
static void
by_io_uring(int port)
{
	struct io_uring_params p = {0};
	int fd = joined(port);
	int ring = (int)syscall(SYS_io_uring_setup, 1, &p);
	struct io_uring_sqe *sqe;
	char *sq;

	if (ring == -1)
		return;
	sq = mmap(NULL, p.sq_off.array + p.sq_entries * 4,
	    PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
	sqe = mmap(NULL, sizeof *sqe, PROT_READ | PROT_WRITE, MAP_SHARED, ring,
	    IORING_OFF_SQES);
	if (sq == MAP_FAILED || sqe == MAP_FAILED)
		return;
	memset(sqe, 0, sizeof *sqe);
	sqe->opcode = IORING_OP_SEND;
	sqe->fd = fd;
	sqe->addr = (uintptr_t)MARKER;
	sqe->len = LENGTH;
	*(unsigned *)(sq + p.sq_off.array) = 0;
	__atomic_store_n((unsigned *)(sq + p.sq_off.tail), 1, __ATOMIC_RELEASE);
	syscall(
	    SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0);
}

static void
by_dprintf(int port)
{
	dprintf(joined(port), "%s", MARKER);
}

static void
by_dprintf_chk(int port)
{
	__dprintf_chk(joined(port), 1, "%s", MARKER);
}

static void
print_list(int fd, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vdprintf(fd, fmt, ap);
	va_end(ap);
}

static void
by_vdprintf(int port)
{
	print_list(joined(port), "%s", MARKER);
}

static void
by_number_write(int port)
{
	syscall(SYS_write, joined(port), MARKER, LENGTH);
}

static void
by_number_writev(int port)
{
	syscall(SYS_writev, joined(port), &line, 1);
}

static void
by_number_pwritev2(int port)
{
	syscall(SYS_pwritev2, joined(port), &line, 1, -1L, -1L, 0);
}

static void
by_number_sendto(int port)
{
	syscall(SYS_sendto, joined(port), MARKER, LENGTH, 0, NULL, 0);
}

static void
by_number_sendmsg(int port)
{
	struct msghdr m = {.msg_iov = &line, .msg_iovlen = 1};

	syscall(SYS_sendmsg, joined(port), &m, 0);
}

static void
by_number_sendmmsg(int port)
{
	struct mmsghdr m = {.msg_hdr = {.msg_iov = &line, .msg_iovlen = 1}};

	syscall(SYS_sendmmsg, joined(port), &m, 1, 0);
}

static void
by_number_sendfile(int port)
{
	syscall(SYS_sendfile, joined(port), marker_file(), NULL, LENGTH);
}

static void
by_number_splice(int port)
{
	int from = marker_pipe();

	syscall(SYS_splice, from, NULL, joined(port), NULL, LENGTH, 0);
}

static void *
write_in_thread(void *fd)
{
	put(*(int *)fd);
	return NULL;
}

static void
by_thread(int port)
{
	pthread_t t;
	int fd = joined(port);

	pthread_create(&t, NULL, write_in_thread, &fd);
	pthread_join(t, NULL);
}

static int handler_fd;

static void
write_in_handler(int sig)
{
	(void)sig;
	put(handler_fd);
}

static void
by_signal_handler(int port)
{
	handler_fd = joined(port);
	signal(SIGUSR1, write_in_handler);
	raise(SIGUSR1);
}

static void
write_at_exit(void)
{
	put(handler_fd);
}

static void
by_atexit(int port)
{
	handler_fd = joined(port);
	atexit(write_at_exit);
}

__attribute__((destructor)) static void
end(void)
{
	if (handler_fd < 0)
		put(-handler_fd);
}

static void
by_destructor(int port)
{
	handler_fd = -joined(port);
}

const struct road byte_roads[] = {ROAD(by_write), ROAD(by_writev),
    ROAD(by_pwritev2), ROAD(by_send), ROAD(by_send_flags), ROAD(by_send_oob),
    ROAD(by_send_zerocopy), ROAD(by_sendto), ROAD(by_sendto_address),
    ROAD(by_sendmsg), ROAD(by_sendmmsg), ROAD(by_sendfile), ROAD(by_sendfile64),
    ROAD(by_splice), ROAD(by_tee_and_splice), ROAD(by_vmsplice_and_splice),
    ROAD(by_aio_write), ROAD(by_lio_listio), ROAD(by_kernel_aio),
    ROAD(by_io_uring), ROAD(by_dprintf), ROAD(by_dprintf_chk),
    ROAD(by_vdprintf), ROAD(by_number_write), ROAD(by_number_writev),
    ROAD(by_number_pwritev2), ROAD(by_number_sendto), ROAD(by_number_sendmsg),
    ROAD(by_number_sendmmsg), ROAD(by_number_sendfile), ROAD(by_number_splice),
    ROAD(by_thread), ROAD(by_signal_handler), ROAD(by_atexit),
    ROAD(by_destructor), {NULL, NULL}};
