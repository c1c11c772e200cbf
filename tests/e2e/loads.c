// A process that loads libraries in one thread and calls hot() in another, and counts what it does.  Orders on stdin, each
// answered by a line; loading and calling are done by threads of their own, so that orders are taken meanwhile:
//   go                   begin to call hot()
//   load PATH            dlopen() it; up to 8 before they are unloaded
//   calls                -> calls of hot() so far
//   loaded               -> libraries that dlopen() has returned
//   plugs                -> calls of plug_*() so far, made by a library's constructor or by `call`
//   call N               call the function of each library N times
//   unload               dlclose() all
//   exec, exit           becomes /bin/true, leaves with 7
//   stop                 no more hot(): -> the number of calls
//   quit
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LIBRARIES = 8 };

static int stop;
static long calls, plugs;
static void *libraries[LIBRARIES];
static int n_started, n_loaded;
static pthread_t caller;
static sem_t orders[LIBRARIES]; // one for each loading thread: while one is in dlopen() the loader lets none be made
static char paths[LIBRARIES][480];

long hot(long n);
long count_plug(void);

__attribute__((noinline)) long hot(long n)
{
	__asm__ volatile("" : "+r"(n));
	return n + 1;
}

// For the libraries: the number of this call of theirs.
__attribute__((visibility("default"))) long count_plug(void)
{
	return __atomic_add_fetch(&plugs, 1, __ATOMIC_RELAXED);
}

static void *call_hot(void *arg)
{
	for (long n = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); n++) {
		if (hot(n) != n + 1)
			abort();
		__atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
	}
	return arg;
}

static void *load(void *arg)
{
	long i = (long)arg;

	for (;;) {
		while (sem_wait(&orders[i]) < 0)
			;
		void *library = dlopen(paths[i], RTLD_NOW);

		if (!library) {
			fprintf(stderr, "%s\n", dlerror());
			abort();
		}
		libraries[__atomic_fetch_add(&n_loaded, 1, __ATOMIC_SEQ_CST)] = library;
	}
	return NULL;
}

static void start_loaders(void)
{
	pthread_t thread;

	for (long i = 0; i < LIBRARIES; i++)
		if (sem_init(&orders[i], 0, 0) < 0 || pthread_create(&thread, NULL, load, (void *)i) != 0)
			abort();
}

static void start_loading(const char *path)
{
	if (n_started == LIBRARIES)
		abort();
	strcpy(paths[n_started], path);
	sem_post(&orders[n_started++]);
}

static void call_plugs(int times)
{
	for (int i = 0; i < n_loaded; i++) {
		void (*call_plug)(void) = (void (*)(void))dlsym(libraries[i], "call_plug");

		for (int k = 0; k < times; k++)
			call_plug();
	}
}

static void unload(void)
{
	while (n_loaded)
		if (dlclose(libraries[--n_loaded]) != 0)
			abort();
	n_started = 0;
}

static long obey(const char *order, const char *argument)
{
	if (!strcmp(order, "go"))
		pthread_create(&caller, NULL, call_hot, NULL);
	else if (!strcmp(order, "load"))
		start_loading(argument);
	else if (!strcmp(order, "loaded"))
		return __atomic_load_n(&n_loaded, __ATOMIC_SEQ_CST);
	else if (!strcmp(order, "plugs"))
		return __atomic_load_n(&plugs, __ATOMIC_RELAXED);
	else if (!strcmp(order, "call"))
		call_plugs(atoi(argument));
	else if (!strcmp(order, "unload"))
		unload();
	else if (!strcmp(order, "exec"))
		execl("/bin/true", "true", (char *)NULL);
	else if (!strcmp(order, "exit"))
		_exit(7);
	if (!strcmp(order, "stop")) {
		__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
		pthread_join(caller, NULL);
	}
	return __atomic_load_n(&calls, __ATOMIC_RELAXED);
}

int main(void)
{
	char line[512], order[16], argument[480];

	start_loaders();
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin) && strcmp(line, "quit\n") != 0) {
		argument[0] = '\0';
		if (sscanf(line, "%15s %479s", order, argument) < 1)
			abort();
		printf("%ld\n", obey(order, argument));
		fflush(stdout);
	}
	return 0;
}
