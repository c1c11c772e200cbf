// A daemon with functions, structs and threads as libvirt had them, for the presets' alternatives (-DVERSION=...):
//
//	1	libvirt 1.3 (2016): the job has no agent, counters are signed, and qemuMonitorJSONIOProcessLine() is
//		inlined, as optimization at link time does
//	7	libvirt 7.0 (2021): the job is the QEMU driver's, as until 8.x
//
// It is linked of three parts, as libvirt is: -DPART_LIBVIRT libvirt.so.0, -DPART_QEMU libvirt_driver_qemu.so, and the
// daemon. Two guests, each with a monitor of its own, are asked by two clients at the same time. An event loop receives
// what the guests' QEMU answers, every other answer in two pieces, and with an event before it. What the daemon sent,
// received and told its clients it prints as JSON, an object a line: that is what a trace of it is compared with.
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { GUESTS = 2, CLIENTS = 2, CALLS = 3 };

typedef struct _virObjectLockable {
	long parent[2];
	pthread_mutex_t lock;
} virObjectLockable;

typedef enum {
	VIR_DOMAIN_NOSTATE,
	VIR_DOMAIN_RUNNING,
	VIR_DOMAIN_BLOCKED,
	VIR_DOMAIN_PAUSED,
	VIR_DOMAIN_SHUTDOWN,
	VIR_DOMAIN_SHUTOFF
} virDomainState;
typedef enum {
	VIR_DOMAIN_SHUTOFF_UNKNOWN,
	VIR_DOMAIN_SHUTOFF_SHUTDOWN,
	VIR_DOMAIN_SHUTOFF_DESTROYED
} virDomainShutoffReason;
typedef enum { QEMU_JOB_NONE, QEMU_JOB_QUERY, QEMU_JOB_DESTROY, QEMU_JOB_MODIFY, QEMU_JOB_ASYNC = 7 } qemuDomainJob;
typedef enum { QEMU_AGENT_JOB_NONE, QEMU_AGENT_JOB_QUERY } qemuDomainAgentJob;
typedef enum { QEMU_ASYNC_JOB_NONE, QEMU_ASYNC_JOB_MIGRATION_OUT, QEMU_ASYNC_JOB_START = 6 } qemuDomainAsyncJob;

typedef struct _virDomainDef {
	int virtType, id;
	unsigned char uuid[16];
	char *name;
} virDomainDef, *virDomainDefPtr;
typedef struct _virDomainStateReason {
	int state, reason;
} virDomainStateReason;
typedef struct _virDomainObj {
	virObjectLockable parent;
	pthread_cond_t cond;
	pid_t pid;
	virDomainStateReason state;
	unsigned int autostart : 1;
	virDomainDefPtr def;
	void *privateData;
} virDomainObj, *virDomainObjPtr;

typedef struct _virDomain {
	long parent[2];
	void *conn;
	char *name;
	int id;
	unsigned char uuid[16];
} virDomain, *virDomainPtr;
typedef struct _virDomainBlockInfo {
	unsigned long long capacity, allocation, physical;
} virDomainBlockInfo, *virDomainBlockInfoPtr;

typedef struct _virQEMUDriver {
	virDomainObj *domains[GUESTS];
} virQEMUDriver, *virQEMUDriverPtr;

typedef struct _qemuMonitorMessage {
	int txFD;
	char *txBuffer;
	int txOffset, txLength;
	void *rxObject;
	bool finished;
} qemuMonitorMessage, *qemuMonitorMessagePtr;
typedef struct _qemuMonitor {
	virObjectLockable parent;
	pthread_cond_t notify;
	int fd;
#if VERSION == 1
	int watch, hasSendFD;
#else
	void *context, *socket, *watch;
#endif
	virDomainObjPtr vm;
	qemuMonitorMessagePtr msg;
	size_t bufferOffset, bufferLength;
	char *buffer;
	int nextSerial;
	pthread_barrier_t piece_read; /* ours: QEMU's answers come in two pieces */
} qemuMonitor, *qemuMonitorPtr;

#if VERSION == 1
typedef long long counter;
struct qemuDomainJobObj {
	pthread_cond_t cond;
	qemuDomainJob active;
	unsigned long long owner;
	const char *ownerAPI;
	unsigned long long started;
	pthread_cond_t asyncCond;
	qemuDomainAsyncJob asyncJob;
	unsigned long long asyncOwner;
	const char *asyncOwnerAPI;
};
#else
typedef unsigned long long counter;
typedef struct _qemuDomainJobObj qemuDomainJobObj;
struct _qemuDomainJobObj {
	pthread_cond_t cond;
	qemuDomainJob active;
	unsigned long long owner;
	const char *ownerAPI;
	unsigned long long started;
	qemuDomainAgentJob agentActive;
	unsigned long long agentOwner;
	const char *agentOwnerAPI;
	unsigned long long agentStarted;
	pthread_cond_t asyncCond;
	qemuDomainAsyncJob asyncJob;
	unsigned long long asyncOwner;
	const char *asyncOwnerAPI;
};
#endif
typedef struct _qemuDomainObjPrivate qemuDomainObjPrivate;
typedef qemuDomainObjPrivate *qemuDomainObjPrivatePtr;
struct _qemuDomainObjPrivate {
#if VERSION > 1
	virQEMUDriverPtr driver;
	qemuDomainJobObj job;
#else
	struct qemuDomainJobObj job;
#endif
	qemuMonitorPtr mon;
	int jobs_queued;
};

typedef struct _qemuBlockStats {
	counter rd_req, rd_bytes, wr_req, wr_bytes, rd_total_times, wr_total_times, flush_req, flush_total_times;
	unsigned long long capacity, physical, wr_highest_offset;
	bool wr_highest_offset_valid;
#if VERSION > 1
	unsigned long long write_threshold;
#endif
} qemuBlockStats, *qemuBlockStatsPtr;

/* What the parts have of one another. */
int virDomainGetBlockInfo(virDomainPtr domain, const char *disk, virDomainBlockInfoPtr info, unsigned int flags);
int virDomainCreate(virDomainPtr domain);
int virDomainDestroy(virDomainPtr domain);
void virDomainObjSetState(virDomainObjPtr dom, virDomainState state, int reason);
extern int (*domainGetBlockInfo)(virDomainPtr dom, const char *path, virDomainBlockInfoPtr info, unsigned int flags);
extern int (*domainSetRunning)(virDomainPtr dom, bool running);
void qemu_start(char *names[]);

#ifdef __clang__
#define KEPT __attribute__((noinline, used)) /* with parameters and result as they are */
#else
#define KEPT __attribute__((noinline, noclone, noipa))
#endif

#ifdef PART_LIBVIRT

int (*domainGetBlockInfo)(virDomainPtr dom, const char *path, virDomainBlockInfoPtr info, unsigned int flags);
int (*domainSetRunning)(virDomainPtr dom, bool running);

KEPT int virDomainGetBlockInfo(virDomainPtr domain, const char *disk, virDomainBlockInfoPtr info, unsigned int flags)
{
	int ret = domainGetBlockInfo(domain, disk, info, flags);

	return ret < 0 ? -1 : ret;
}

KEPT int virDomainCreate(virDomainPtr domain)
{
	return domainSetRunning(domain, true) < 0 ? -1 : 0;
}

KEPT int virDomainDestroy(virDomainPtr domain)
{
	return domainSetRunning(domain, false) < 0 ? -1 : 0;
}

KEPT void virDomainObjSetState(virDomainObjPtr dom, virDomainState state, int reason)
{
	printf("{\"state\": \"%s\", \"from\": %d, \"to\": %d, \"reason\": %d}\n", dom->def->name, dom->state.state,
	       state, reason);
	dom->state = (virDomainStateReason){ .state = (int)state, .reason = reason };
}

#elif defined PART_QEMU

static virQEMUDriver driver;
static int qemu_ends[GUESTS]; /* QEMU's side of each monitor */
static pthread_t event_loop, qemus[GUESTS];

/* The job of a domain. */

static KEPT int qemuDomainObjBeginJobInternal(virQEMUDriverPtr driver_, virDomainObjPtr obj, qemuDomainJob job,
#if VERSION > 1
					      qemuDomainAgentJob agentJob, qemuDomainAsyncJob asyncJob, bool nowait)
#else
					       qemuDomainAsyncJob asyncJob)
#endif
{
	qemuDomainObjPrivatePtr priv = obj->privateData;
	int tid = gettid(), holder = (int)priv->job.owner;

	priv->jobs_queued++;
	pthread_cond_broadcast(&obj->cond);
	while (priv->job.active)
		pthread_cond_wait(&priv->job.cond, &obj->parent.lock);
#if VERSION > 1
	if (agentJob || nowait)
		return -1;
#endif
	if (!driver_ || asyncJob)
		return -1;
	priv->job.active = job;
	priv->job.owner = (unsigned)tid;
	priv->job.ownerAPI = "remoteDispatchDomainGetBlockInfo";
	printf("{\"job\": \"%s\", \"tid\": %d, \"holder\": %d}\n", obj->def->name, tid, holder);
	return 0;
}

KEPT void qemuDomainObjEndJob(virQEMUDriverPtr driver_, virDomainObjPtr obj)
{
	qemuDomainObjPrivatePtr priv = obj->privateData;

	priv->jobs_queued -= driver_ != NULL;
	priv->job.active = QEMU_JOB_NONE;
	priv->job.owner = 0;
	priv->job.ownerAPI = NULL;
	pthread_cond_signal(&priv->job.cond);
}

static int begin_job(virDomainObjPtr obj, qemuDomainJob job)
{
#if VERSION > 1
	return qemuDomainObjBeginJobInternal(&driver, obj, job, QEMU_AGENT_JOB_NONE, QEMU_ASYNC_JOB_NONE, false);
#else
	return qemuDomainObjBeginJobInternal(&driver, obj, job, QEMU_ASYNC_JOB_NONE);
#endif
}

/* The monitor. */

KEPT int qemuMonitorSend(qemuMonitorPtr mon, qemuMonitorMessagePtr msg)
{
	mon->msg = msg;
	if (write(mon->fd, msg->txBuffer, (size_t)msg->txLength) != msg->txLength)
		abort();
	while (!msg->finished)
		pthread_cond_wait(&mon->notify, &mon->parent.lock);
	mon->msg = NULL;
	return 0;
}

static char *ask(qemuMonitorPtr mon, const char *command)
{
	char text[200];
	qemuMonitorMessage msg = { .txFD = -1, .txBuffer = text };

	pthread_mutex_lock(&mon->parent.lock);
	msg.txLength = snprintf(text, sizeof(text), "{\"execute\":\"%s\",\"id\":\"libvirt-%d\"}\r\n", command,
				++mon->nextSerial);
	printf("{\"sent\": %.*s, \"mon\": \"%p\", \"tid\": %d}\n", msg.txLength - 2, text, (void *)mon, gettid());
	qemuMonitorSend(mon, &msg);
	printf("{\"answered\": %s, \"mon\": \"%p\", \"tid\": %d}\n", (char *)msg.rxObject, (void *)mon, gettid());
	pthread_mutex_unlock(&mon->parent.lock);
	return msg.rxObject;
}

#if VERSION == 1
#define LINE static inline __attribute__((always_inline))
#else
#define LINE KEPT
#endif

LINE int qemuMonitorJSONIOProcessLine(qemuMonitorPtr mon, const char *line, qemuMonitorMessagePtr msg)
{
	printf("{\"received\": %s, \"mon\": \"%p\", \"tid\": %d}\n", line, (void *)mon, gettid());
	if (strstr(line, "\"event\""))
		return 0;
	msg->rxObject = strdup(line);
	msg->finished = true;
	return 0;
}

KEPT int qemuMonitorJSONIOProcess(qemuMonitorPtr mon, const char *data, size_t len, qemuMonitorMessagePtr msg)
{
	size_t used = 0;
	const char *end;

	while (used < len && (end = strstr(data + used, "\r\n"))) {
		char *line = strndup(data + used, (size_t)(end - (data + used)));

		if (qemuMonitorJSONIOProcessLine(mon, line, msg) < 0)
			abort();
		used += strlen(line) + 2;
		free(line);
	}
	return (int)used;
}

static void read_monitor(qemuMonitorPtr mon)
{
	ssize_t got = read(mon->fd, mon->buffer + mon->bufferOffset, mon->bufferLength - mon->bufferOffset - 1);

	if (got <= 0)
		abort();
	mon->bufferOffset += (size_t)got;
	mon->buffer[mon->bufferOffset] = '\0';
	size_t used = (size_t)qemuMonitorJSONIOProcess(mon, mon->buffer, mon->bufferOffset, mon->msg);

	memmove(mon->buffer, mon->buffer + used, mon->bufferOffset - used);
	mon->bufferOffset -= used;
	if (mon->msg && mon->msg->finished)
		pthread_cond_broadcast(&mon->notify);
}

static qemuMonitorPtr monitor(int guest)
{
	return ((qemuDomainObjPrivatePtr)driver.domains[guest]->privateData)->mon;
}

static void *run_event_loop(void *unused)
{
	struct pollfd fds[GUESTS];

	(void)unused;
	for (int i = 0; i < GUESTS; i++)
		fds[i] = (struct pollfd){ .fd = monitor(i)->fd, .events = POLLIN };
	while (poll(fds, GUESTS, -1) > 0)
		for (int i = 0; i < GUESTS; i++) {
			if (!(fds[i].revents & POLLIN))
				continue;
			qemuMonitorPtr mon = monitor(i);

			pthread_mutex_lock(&mon->parent.lock);
			read_monitor(mon);
			pthread_mutex_unlock(&mon->parent.lock);
			pthread_barrier_wait(&mon->piece_read);
		}
	return NULL;
}

/* QEMU: numbers that no other answer has. */

static void send_piece(int guest, const char *text, int len)
{
	if (write(qemu_ends[guest], text, (size_t)len) != len)
		abort();
	pthread_barrier_wait(&monitor(guest)->piece_read);
}

static void *run_qemu(void *guest)
{
	int i = (int)(long)guest, fd = qemu_ends[i];
	char text[1000];
	ssize_t got;

	for (unsigned long long n = 1; (got = read(fd, text, sizeof(text) - 1)) > 0; n++) {
		text[got] = '\0';
		const char *id = strstr(text, "libvirt-");
		unsigned long long base = 1000000000ull * (unsigned)(i + 1) + 1000 * n;
		char answer[1500];
		int len = snprintf(answer, sizeof(answer),
				   "{\"timestamp\": {\"seconds\": %llu, \"microseconds\": "
				   "0}, \"event\": \"STOP\"}\r\n",
				   n);
		int event = len;

		len += strstr(text, "blockstats")
			       ? snprintf(answer + len, sizeof(answer) - (size_t)len,
					  "{\"return\": [{\"device\": \"drive-virtio-disk0\", "
					  "\"parent\": {\"stats\": {\"wr_highest_offset\": %llu}}, "
					  "\"stats\": {\"rd_bytes\": %llu}}], \"id\": \"%.*s\"}\r\n",
					  base + 1, base + 2, (int)strcspn(id, "\""), id)
			       : snprintf(answer + len, sizeof(answer) - (size_t)len,
					  "{\"return\": [{\"inserted\": {\"image\": "
					  "{\"virtual-size\": %llu, \"actual-size\": %llu}}}], "
					  "\"id\": \"%.*s\"}\r\n",
					  base + 3, base + 4, (int)strcspn(id, "\""), id);
		int first = n % 2 ? event + 20 : len;

		send_piece(i, answer, first);
		if (first < len)
			send_piece(i, answer + first, len - first);
	}
	return NULL;
}

/* The driver. */

static virDomainObjPtr find(virDomainPtr dom)
{
	return driver.domains[dom->id];
}

static KEPT int qemuDomainBlocksStatsGather(virQEMUDriverPtr driver_, virDomainObjPtr vm, const char *path,
					    bool capacity, qemuBlockStatsPtr *retstats)
{
	qemuMonitorPtr mon = ((qemuDomainObjPrivatePtr)vm->privateData)->mon;
	qemuBlockStatsPtr stats = calloc(1, sizeof(*stats));

	if (!driver_ || !path || !capacity)
		abort();
	pthread_mutex_unlock(&vm->parent.lock);
	char *blockstats = ask(mon, "query-blockstats"), *block = ask(mon, "query-block");

	pthread_mutex_lock(&vm->parent.lock);
	stats->wr_highest_offset = strtoull(strstr(blockstats, "wr_highest_offset") + 20, NULL, 10);
	stats->wr_highest_offset_valid = true;
	stats->rd_bytes = (counter)strtoull(strstr(blockstats, "rd_bytes") + 11, NULL, 10);
	stats->capacity = strtoull(strstr(block, "virtual-size") + 15, NULL, 10);
	stats->physical = strtoull(strstr(block, "actual-size") + 14, NULL, 10);
	free(blockstats);
	free(block);
	*retstats = stats;
	return 0;
}

static KEPT int qemuDomainGetBlockInfo(virDomainPtr dom, const char *path, virDomainBlockInfoPtr info,
				       unsigned int flags)
{
	virDomainObjPtr vm = find(dom);
	qemuDomainObjPrivatePtr priv = vm->privateData;
	qemuBlockStatsPtr entry = NULL;
	static bool waited_for[GUESTS];

	pthread_mutex_lock(&vm->parent.lock);
	if (flags || begin_job(vm, QEMU_JOB_QUERY) < 0)
		abort();
	/* Once for each guest another thread must wait for the job. */
	while (!waited_for[dom->id] && priv->jobs_queued < 2)
		pthread_cond_wait(&vm->cond, &vm->parent.lock);
	waited_for[dom->id] = true;
	qemuDomainBlocksStatsGather(&driver, vm, path, true, &entry);
	*info = (virDomainBlockInfo){ .capacity = entry->capacity,
				      .allocation = entry->wr_highest_offset,
				      .physical = entry->physical };
	free(entry);
	qemuDomainObjEndJob(&driver, vm);
	pthread_mutex_unlock(&vm->parent.lock);
	return 0;
}

KEPT int qemuProcessStart(void *conn, virQEMUDriverPtr driver_, virDomainObjPtr vm,
#if VERSION > 1
			  void *updatedCPU,
#endif
			  qemuDomainAsyncJob asyncJob, const char *migrateFrom, int migrateFd,
			  const char *migratePath, void *snapshot, int vmop, unsigned int flags)
{
#if VERSION > 1
	if (updatedCPU)
		return -1;
#endif
	if (conn || !driver_ || asyncJob != QEMU_ASYNC_JOB_START || migrateFrom || migrateFd != -1 || migratePath ||
	    snapshot || vmop)
		return -1;
	vm->pid = 4000 + vm->def->id;
	virDomainObjSetState(vm, VIR_DOMAIN_RUNNING, (int)flags);
	return 0;
}

KEPT void qemuProcessStop(virQEMUDriverPtr driver_, virDomainObjPtr vm, virDomainShutoffReason reason,
#if VERSION > 1
			  qemuDomainAsyncJob asyncJob,
#endif
			  unsigned int flags)
{
#if VERSION > 1
	if (asyncJob)
		abort();
#endif
	if (!driver_ || flags)
		abort();
	virDomainObjSetState(vm, VIR_DOMAIN_SHUTOFF, (int)reason);
	vm->pid = 0;
}

static int set_running(virDomainPtr dom, bool running)
{
	virDomainObjPtr vm = find(dom);
	int r = 0;

	pthread_mutex_lock(&vm->parent.lock);
#if VERSION > 1
	if (running)
		r = qemuProcessStart(NULL, &driver, vm, NULL, QEMU_ASYNC_JOB_START, NULL, -1, NULL, NULL, 0, 1);
	else
		qemuProcessStop(&driver, vm, VIR_DOMAIN_SHUTOFF_DESTROYED, QEMU_ASYNC_JOB_NONE, 0);
#else
	if (running)
		r = qemuProcessStart(NULL, &driver, vm, QEMU_ASYNC_JOB_START, NULL, -1, NULL, NULL, 0, 1);
	else
		qemuProcessStop(&driver, vm, VIR_DOMAIN_SHUTOFF_DESTROYED, 0);
#endif
	pthread_mutex_unlock(&vm->parent.lock);
	return r;
}

static virDomainObjPtr new_guest(int i, char *name)
{
	virDomainObjPtr vm = calloc(1, sizeof(*vm));
	qemuDomainObjPrivatePtr priv = vm->privateData = calloc(1, sizeof(*priv));
	qemuMonitorPtr mon = priv->mon = calloc(1, sizeof(*mon));
	int ends[2];

	vm->def = calloc(1, sizeof(*vm->def));
	vm->def->name = name;
	vm->def->id = i;
	mon->vm = vm;
	mon->bufferLength = 4096;
	mon->buffer = calloc(1, mon->bufferLength);
	pthread_mutex_init(&vm->parent.lock, NULL);
	pthread_cond_init(&vm->cond, NULL);
	pthread_cond_init(&priv->job.cond, NULL);
	pthread_mutex_init(&mon->parent.lock, NULL);
	pthread_cond_init(&mon->notify, NULL);
	pthread_barrier_init(&mon->piece_read, NULL, 2);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
		abort();
	mon->fd = ends[0];
	qemu_ends[i] = ends[1];
	return vm;
}

void qemu_start(char *names[])
{
	domainGetBlockInfo = qemuDomainGetBlockInfo;
	domainSetRunning = set_running;
	for (int i = 0; i < GUESTS; i++)
		driver.domains[i] = new_guest(i, names[i]);
	pthread_create(&event_loop, NULL, run_event_loop, NULL);
	for (int i = 0; i < GUESTS; i++)
		pthread_create(&qemus[i], NULL, run_qemu, (void *)(long)i);
}

#else /* the daemon */

static char *names[GUESTS] = { (char *)"alpha", (char *)"beta" };

static void *run_client(void *guest)
{
	virDomain dom = { .id = (int)(long)guest, .name = names[(long)guest] };

	for (int n = 0; n < CALLS; n++) {
		virDomainBlockInfo info;

		if (virDomainGetBlockInfo(&dom, "vda", &info, 0) < 0)
			abort();
		printf("{\"told\": \"%s\", \"tid\": %d, \"capacity\": %llu, "
		       "\"allocation\": %llu, \"physical\": %llu}\n",
		       dom.name, gettid(), info.capacity, info.allocation, info.physical);
	}
	return NULL;
}

/* Waits for a line, so that who records it has begun. */
int main(void)
{
	pthread_t clients[GUESTS * CLIENTS];

	qemu_start(names);
	puts("{\"ready\": true}");
	fflush(stdout);
	if (getchar() == EOF)
		return 1;
	for (long i = 0; i < GUESTS; i++)
		if (virDomainCreate(&(virDomain){ .id = (int)i, .name = names[i] }) < 0)
			return 1;
	for (long i = 0; i < GUESTS * CLIENTS; i++)
		pthread_create(&clients[i], NULL, run_client, (void *)(i % GUESTS));
	for (int i = 0; i < GUESTS * CLIENTS; i++)
		pthread_join(clients[i], NULL);
	for (long i = 0; i < GUESTS; i++)
		if (virDomainDestroy(&(virDomain){ .id = (int)i, .name = names[i] }) < 0)
			return 1;
	return 0;
}

#endif
