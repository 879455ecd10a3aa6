/* SPDX-License-Identifier: BSD-3-Clause */
/* Each test is a process of its own, since there is no way out of a sandbox. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/sandbox.h"

static char device[64] = "net_memif0";
static struct config_port port = {.device = device};
static struct config config = {.ports = &port, .n_ports = 1};
static char err[256];

/* The child's way to fail: cmocka's assertions belong to the parent. */
#define CHECK(what) \
	do { \
		if (!(what)) { \
			fprintf(stderr, "%d: %s (errno %d)\n", __LINE__, #what, errno); \
			_exit(1); \
		} \
	} while (0)

static void
in_child(void (*body)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		alarm(20);
		body();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static unsigned long long
status_word(pid_t tid, const char *field)
{
	char path[64], line[128], format[32];
	unsigned long long value = ~0ULL;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/status", (int)tid);
	snprintf(format, sizeof(format), "%s: %%llx", field);
	f = fopen(path, "r");
	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, format, &value) == 1)
			break;
	fclose(f);
	return value;
}

/* ---- a thread that was there before ---------------------------------------------- */

static _Atomic pid_t other;
static atomic_bool tried, may_end;
static atomic_int packet_socket, program;

static void *
old_thread(void *arg)
{
	char *argv[] = {"true", NULL};

	(void)arg;
	other = gettid();
	while (!tried)
		sched_yield();
	packet_socket = socket(AF_PACKET, SOCK_RAW, 0) < 0 ? errno : 0;
	program = execve("/bin/true", argv, NULL) < 0 ? errno : 0;
	tried = false;
	while (!may_end)
		sched_yield();
	return NULL;
}

static pthread_t
start_old_thread(void)
{
	pthread_t t;

	CHECK(pthread_create(&t, NULL, old_thread, NULL) == 0);
	while (other == 0)
		sched_yield();
	return t;
}

static void
let_it_try(void)
{
	tried = true;
	while (tried)
		sched_yield();
}

static void *
nothing(void *arg)
{
	return arg;
}

static void
check_what_works(void)
{
	char path[] = "/tmp/wgdp-sandbox-XXXXXX";
	int fd = mkstemp(path), pair[2];
	pthread_t t;
	void *p;

	CHECK(fd >= 0 && write(fd, "x", 1) == 1 && fsync(fd) == 0 && rename(path, path) == 0);
	CHECK(close(fd) == 0 && unlink(path) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	CHECK((fd = socket(AF_UNIX, SOCK_STREAM, 0)) >= 0 && close(fd) == 0);
	CHECK((fd = socket(AF_INET, SOCK_DGRAM, 0)) >= 0 && close(fd) == 0);
	p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED && munmap(p, 1 << 20) == 0);
	CHECK(pthread_create(&t, NULL, nothing, NULL) == 0 && pthread_join(t, NULL) == 0);
	CHECK(kill(getpid(), 0) == 0);
	/* As EAL's thread for interrupts does whenever a driver gives it another descriptor. */
	CHECK((fd = epoll_create(1)) >= 0 && close(fd) == 0);
}

static void
check_what_fails(void)
{
	CHECK(fork() < 0 && errno == EPERM);
	CHECK(kill(getppid(), 0) < 0 && errno == EPERM);
	CHECK(socket(AF_NETLINK, SOCK_RAW, 0) < 0 && errno == EPERM);
	CHECK(socket(AF_INET, SOCK_STREAM, 0) < 0 && errno == EPERM);
	CHECK(ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 && errno == EPERM);
	CHECK(unshare(CLONE_NEWNS) < 0 && errno == EPERM);
	CHECK(syscall(SYS_process_vm_readv, getpid(), NULL, 0, NULL, 0, 0) < 0 && errno == EPERM);
	CHECK(syscall(SYS_bpf, 0, NULL, 0) < 0 && errno == EPERM);
}

static void
all_of_it(void)
{
	pthread_t t = start_old_thread();

	config.hardening = (struct config_hardening){.drop_capabilities = true, .seccomp = true};
	CHECK(sandbox_enter(&config, err, sizeof(err)) == 0);
	for (int i = 0; i < 2; i++) {
		pid_t tid = i == 0 ? gettid() : other;

		CHECK(status_word(tid, "CapPrm") == 0);
		CHECK(status_word(tid, "CapEff") == 0);
		CHECK(status_word(tid, "NoNewPrivs") == 1);
		CHECK(status_word(tid, "Seccomp") == 2);
	}
	check_what_works();
	check_what_fails();
	let_it_try();
	CHECK(packet_socket == EPERM && program == EPERM);
	may_end = true;
	CHECK(pthread_join(t, NULL) == 0);
}

static void
test_all_of_it(void **state)
{
	in_child(all_of_it);
}

static void
capabilities_only(void)
{
	pid_t pid;

	start_old_thread(); /* ends with the child */
	config.hardening = (struct config_hardening){.drop_capabilities = true};
	CHECK(sandbox_enter(&config, err, sizeof(err)) == 0);
	CHECK(status_word(other, "CapPrm") == 0);
	CHECK(status_word(other, "NoNewPrivs") == 1);
	CHECK(status_word(other, "Seccomp") == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		_exit(0);
	CHECK(waitpid(pid, NULL, 0) == pid);
}

static void
test_capabilities_only(void **state)
{
	in_child(capabilities_only);
}

static void
filter_only(void)
{
	unsigned long long before = status_word(gettid(), "CapPrm");

	config.hardening = (struct config_hardening){.seccomp = true};
	CHECK(sandbox_enter(&config, err, sizeof(err)) == 0);
	CHECK(status_word(gettid(), "CapPrm") == before);
	CHECK(fork() < 0 && errno == EPERM);
}

static void
test_filter_only(void **state)
{
	in_child(filter_only);
}

static void
nothing_asked(void)
{
	config.hardening = (struct config_hardening){0};
	CHECK(sandbox_enter(&config, err, sizeof(err)) == 0);
	CHECK(status_word(gettid(), "NoNewPrivs") == 0);
}

static void
test_nothing_asked(void **state)
{
	in_child(nothing_asked);
}

/* A kernel interface keeps one capability, a NIC another, and never one that was not there. */
static void
kept_for_ports(void)
{
	unsigned long long before = status_word(gettid(), "CapPrm");
	const unsigned long long net_admin = 1ULL << 12, ipc_lock = 1ULL << 14;

	config.hardening = (struct config_hardening){.drop_capabilities = true};
	snprintf(device, sizeof(device), "net_tap0,iface=x");
	CHECK(sandbox_enter(&config, err, sizeof(err)) == 0);
	CHECK(status_word(gettid(), "CapEff") == (before & net_admin));
	snprintf(device, sizeof(device), "0000:3b:00.0");
	CHECK(sandbox_enter(&config, err, sizeof(err)) == 0);
	CHECK(status_word(gettid(), "CapEff") == (before & net_admin & ipc_lock));
}

static void
test_kept_for_ports(void **state)
{
	in_child(kept_for_ports);
}

/* ---- core dumps -------------------------------------------------------------------- */

static unsigned long
core_filter(void)
{
	unsigned long value = ~0UL;
	FILE *f = fopen("/proc/self/coredump_filter", "r");

	CHECK(f != NULL && fscanf(f, "%lx", &value) == 1);
	fclose(f);
	return value;
}

static void
dumps(void)
{
	unsigned long before = core_filter();
	struct rlimit limit, was;

	getrlimit(RLIMIT_CORE, &was);
	sandbox_forbid_dumps();
	getrlimit(RLIMIT_CORE, &limit);
	CHECK(limit.rlim_cur == 0);
	CHECK(prctl(PR_GET_DUMPABLE) == 0);
	CHECK(core_filter() == 0);
	sandbox_allow_dumps();
	getrlimit(RLIMIT_CORE, &limit);
	CHECK(limit.rlim_cur == was.rlim_cur && limit.rlim_max == was.rlim_max);
	CHECK(prctl(PR_GET_DUMPABLE) == 1);
	CHECK(core_filter() == before && before != 0);
}

static void
test_dumps(void **state)
{
	in_child(dumps);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_of_it),
		cmocka_unit_test(test_capabilities_only),
		cmocka_unit_test(test_filter_only),
		cmocka_unit_test(test_nothing_asked),
		cmocka_unit_test(test_kept_for_ports),
		cmocka_unit_test(test_dumps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
