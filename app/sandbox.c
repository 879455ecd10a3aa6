/* SPDX-License-Identifier: BSD-3-Clause */
#include "app/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/log.h"

#define BROADCAST_SIGNAL SIGRTMIN
#define THREAD_ANSWER_MS 2000 /* of a thread that a busy machine keeps waiting */

static int
fail(char *err, size_t err_size, const char *what, int error)
{
	snprintf(err, err_size, "hardening: %s: %s", what, strerror(error));
	return -1;
}

/* ---- core dumps ------------------------------------------------------------------ */

static struct rlimit core_limit;
static char core_filter[32];

static void
write_core_filter(const char *value)
{
	int fd = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);

	/* Without /proc the limit and the dumpable flag stand by themselves. */
	if (fd >= 0 && write(fd, value, strlen(value)) < 0)
		errno = 0;
	if (fd >= 0)
		close(fd);
}

/*
 * Three ways, since each alone has a gap: the limit does not hold where
 * core_pattern is a pipe, the dumpable flag stops the kernel and ptrace but not
 * root's gcore, which goes by the filter of mappings. Keys are everywhere, in
 * the heap, DPDK's memory and on stacks: no kind of mapping is left in.
 */
void
sandbox_forbid_dumps(void)
{
	struct rlimit none = {0, 0};
	int fd = open("/proc/self/coredump_filter", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, core_filter, sizeof(core_filter) - 1) : 0;

	if (fd >= 0)
		close(fd);
	core_filter[n > 0 ? n : 0] = '\0';
	getrlimit(RLIMIT_CORE, &core_limit);
	none.rlim_max = core_limit.rlim_max; /* so that it can be taken back */
	setrlimit(RLIMIT_CORE, &none);
	write_core_filter("0");
	prctl(PR_SET_DUMPABLE, 0);
}

void
sandbox_allow_dumps(void)
{
	char hex[sizeof(core_filter) + 2];

	prctl(PR_SET_DUMPABLE, 1);
	setrlimit(RLIMIT_CORE, &core_limit);
	snprintf(hex, sizeof(hex), "0x%s", core_filter); /* read without its base */
	if (core_filter[0] != '\0')
		write_core_filter(hex);
}

/* ---- capabilities ---------------------------------------------------------------- */

/* Read by the handler in all threads, written before the first signal. */
static struct __user_cap_data_struct kept[_LINUX_CAPABILITY_U32S_3];
static bool drop_wanted;
static atomic_int answer; /* of the thread asked last: 0 none yet, 1 done, else -errno */

static bool
is_kernel_interface(const char *device)
{
	static const char *const drivers[] = {
		"net_af_packet", "eth_af_packet", "net_af_xdp", "net_tap", "net_pcap"};

	for (unsigned i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
		if (strncmp(device, drivers[i], strlen(drivers[i])) == 0)
			return true;
	return false;
}

/*
 * CAP_NET_ADMIN to give kernel interfaces back as they were found (promiscuous
 * mode, which outlives a process). CAP_IPC_LOCK for NICs: VFIO pins what the
 * memory grows by. Nothing more than there is already.
 */
static void
choose_kept(const struct config *config)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct have[_LINUX_CAPABILITY_U32S_3] = {0};
	uint32_t want = 0;

	for (unsigned i = 0; i < config->n_ports; i++)
		want |= is_kernel_interface(config->ports[i].device)
				? 1U << CAP_NET_ADMIN
				: (strchr(config->ports[i].device, ':') != NULL ? 1U << CAP_IPC_LOCK
										: 0);
	memset(kept, 0, sizeof(kept));
	if (syscall(SYS_capget, &header, have) == 0)
		kept[0].effective = kept[0].permitted = have[0].permitted & want;
	drop_wanted = config->hardening.drop_capabilities;
}

/* Only of the calling thread, as the kernel has it. Async-signal-safe. */
static int
lower_thread(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -errno;
	if (drop_wanted && syscall(SYS_capset, &header, kept) != 0)
		return -errno;
	return 1;
}

static void
on_broadcast(int sig)
{
	int saved = errno;

	(void)sig;
	atomic_store(&answer, lower_thread());
	errno = saved;
}

/* 0 when the thread has done it or is gone, else an errno. */
static int
ask_thread(pid_t tid)
{
	const struct timespec step = {.tv_nsec = 1000000};
	int got = 0;

	atomic_store(&answer, 0);
	if (syscall(SYS_tgkill, getpid(), tid, BROADCAST_SIGNAL) != 0)
		return errno == ESRCH ? 0 : errno;
	for (int ms = 0; ms < THREAD_ANSWER_MS && got == 0; ms++) {
		nanosleep(&step, NULL);
		got = atomic_load(&answer);
		if (got == 0 && syscall(SYS_tgkill, getpid(), tid, 0) != 0 && errno == ESRCH)
			return 0;
	}
	return got > 0 ? 0 : got < 0 ? -got : ETIMEDOUT;
}

/*
 * Capabilities belong to threads, and EAL has made some that run none of our
 * code: each is asked by a signal. libcap-ng changes the calling thread only;
 * libpsx knows only threads whose pthread_create it wrapped at link time.
 */
static int
lower_all_threads(void)
{
	struct sigaction action = {.sa_handler = on_broadcast, .sa_flags = SA_RESTART}, old;
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *e;
	int error = 0;

	if (tasks == NULL)
		return errno;
	sigaction(BROADCAST_SIGNAL, &action, &old);
	while (error == 0 && (e = readdir(tasks)) != NULL) {
		pid_t tid = atoi(e->d_name);

		if (tid > 0 && tid != gettid())
			error = ask_thread(tid);
	}
	closedir(tasks);
	/* Itself last: what a thread has made meanwhile would have inherited from it. */
	if (error == 0) {
		int done = lower_thread();

		error = done > 0 ? 0 : -done;
	}
	sigaction(BROADCAST_SIGNAL, &old, NULL);
	return error;
}

/* root without CAP_DAC_OVERRIDE is a user like others: say so now, not at the first change. */
static void
warn_of_directories(const struct config *config)
{
	char path[PATH_MAX], *dir;

	for (unsigned i = 0; i < config->n_interfaces; i++) {
		snprintf(path, sizeof(path), "%s", config->interfaces[i].peer_db);
		dir = dirname(path);
		if (eaccess(dir, W_OK | X_OK) != 0)
			log_warn("%s: peers cannot be changed: %s is not writable for uid %d "
				 "without capabilities; chown it, or set "
				 "hardening.drop_capabilities: false",
				config->interfaces[i].name, dir, (int)geteuid());
	}
}

/* ---- system calls ---------------------------------------------------------------- */

/*
 * What glibc, libev, libmicrohttpd and EAL's drivers use while they run, by what
 * it is for. All else fails with EPERM: no programs, no processes, no ptrace, no
 * mounts, modules or namespaces, no packet or netlink sockets.
 */
static const char *const allowed[] = {
	/* descriptors and files: databases, journals, keys at a reload, sysfs, hugepages */
	"read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "lseek",
	"open", "openat", "close", "close_range", "dup", "dup2", "dup3", "fcntl", "flock", "stat",
	"lstat", "fstat", "newfstatat", "statx", "statfs", "fstatfs", "access", "faccessat",
	"faccessat2", "readlink", "readlinkat", "getdents64", "getcwd", "mkdir", "mkdirat", "rmdir",
	"unlink", "unlinkat", "rename", "renameat", "renameat2", "link", "linkat", "fsync",
	"fdatasync", "ftruncate", "fallocate", "chmod", "fchmod", "fchmodat", "chown", "fchown",
	"fchownat", "utimensat", "umask", "pipe", "pipe2", "ioctl", "inotify_init1",
	"inotify_add_watch", "inotify_rm_watch",
	/* memory */
	"brk", "mmap", "munmap", "mremap", "mprotect", "madvise", "mincore", "msync", "mlock",
	"munlock", "memfd_create", "mbind", "get_mempolicy", "set_mempolicy", "move_pages",
	/* threads and time */
	"futex", "futex_waitv", "set_robust_list", "get_robust_list", "rseq", "set_tid_address",
	"exit", "exit_group", "sched_yield", "sched_getaffinity", "sched_setaffinity",
	"sched_getparam", "sched_getscheduler", "sched_setscheduler", "sched_get_priority_min",
	"sched_get_priority_max", "getcpu", "nanosleep", "clock_nanosleep", "clock_gettime",
	"clock_getres", "gettimeofday", "time", "restart_syscall", "prctl",
	/* signals */
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigtimedwait",
	"rt_sigsuspend", "sigaltstack", "signalfd4",
	/* waiting */
	"poll", "ppoll", "select", "pselect6", "epoll_create", "epoll_create1", "epoll_ctl",
	"epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd2", "timerfd_create",
	"timerfd_settime", "timerfd_gettime",
	/* sockets; socket() itself below */
	"socketpair", "bind", "listen", "accept", "accept4", "connect", "getsockname",
	"getpeername", "getsockopt", "setsockopt", "shutdown", "sendto", "recvfrom", "sendmsg",
	"recvmsg", "sendmmsg", "recvmmsg",
	/* who and where */
	"getpid", "getppid", "gettid", "getuid", "geteuid", "getgid", "getegid", "getgroups",
	"getresuid", "getresgid", "getrandom", "uname", "sysinfo", "getrlimit", "setrlimit",
	"prlimit64", "getrusage", "capget"};

static int
add_plain_rules(scmp_filter_ctx ctx)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		int number = seccomp_syscall_resolve_name(allowed[i]);

		/* A name newer than the library cannot be in use by older code either. */
		if (number != __NR_SCMP_ERROR)
			rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, number, 0);
	}
	return rc;
}

static int
add_rules_by_argument(scmp_filter_ctx ctx)
{
	const int dgram_domains[] = {AF_INET, AF_INET6}; /* for ioctls on interfaces */
	int rc;

	/* Threads, not processes. glibc tries clone3 first, whose flags no filter sees. */
	rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
		SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	rc = rc ?: seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	/* Signals to itself: abort(), and the loop's own end. */
	rc = rc
		     ?: seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(kill), 1,
				SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	rc = rc
		     ?: seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	rc = rc
		     ?: seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
	for (unsigned i = 0; rc == 0 && i < 2; i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
			SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)dgram_domains[i]),
			SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, SOCK_DGRAM));
	return rc;
}

/* 0, or a negative errno. */
static int
filter_system_calls(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int rc;

	if (ctx == NULL)
		return -ENOMEM;
	rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	/* All threads at once. */
	rc = rc ?: seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	/*
	 * Kernels before 5.16 slow every load after a store in filtered threads
	 * (spec_store_bypass_disable=seccomp) unless told not to: workers run no
	 * foreign code that it would protect against.
	 */
	rc = rc ?: seccomp_attr_set(ctx, SCMP_FLTATR_CTL_SSB, 1);
	rc = rc ?: seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	rc = rc ?: add_plain_rules(ctx);
	rc = rc ?: add_rules_by_argument(ctx);
	rc = rc ?: seccomp_load(ctx);
	seccomp_release(ctx);
	return rc;
}

/* ---- all of it ------------------------------------------------------------------- */

int
sandbox_enter(const struct config *config, char *err, size_t err_size)
{
	const struct config_hardening *h = &config->hardening;
	int rc;

	if (!h->drop_capabilities && !h->seccomp)
		return 0;
	choose_kept(config);
	rc = lower_all_threads();
	if (rc != 0)
		return fail(err, err_size, "capabilities cannot be dropped", rc);
	if (h->drop_capabilities)
		warn_of_directories(config);
	rc = h->seccomp ? filter_system_calls() : 0;
	if (rc != 0)
		return fail(err, err_size, "system calls cannot be filtered", -rc);
	return 0;
}
