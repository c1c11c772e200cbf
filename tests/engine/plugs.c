/*
 * Loads and unloads a library, over and over, and calls it; with step 2 it stays loaded, and is
 * called on. usage: plugs SHARED LIBRARY [hook]
 * hook: at step 3 another thread calls the loader's hook all the time, which nobody but the loader should.
 */
#include <dlfcn.h>
#include <pthread.h>

#include "tests/engine/victim.h"

static uint64_t counter;

__attribute__((visibility("default"))) volatile uint64_t *plug_counter(void)
{
	return &counter;
}

static void *call_hook(void *arg)
{
	void (*hook)(void) = (void (*)(void))dlsym(RTLD_DEFAULT, "_dl_debug_state");

	CHECK(hook, 0);
	while (hook && !shared->stop) {
		if (shared->step != 3) {
			nap(500);
			continue;
		}
		hook();
		shared->threads[1].rounds++;
	}
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	open_shared(argv[1]);
	if (argc > 3)
		CHECK(pthread_create(&thread, NULL, call_hook, NULL) == 0, 0);
	shared->ready = 1;
	while (!shared->step && !shared->stop)
		nap(500);
	while (!shared->stop) {
		void *library = dlopen(argv[2], RTLD_NOW);
		long (*f_plug)(long) = library ? (long (*)(long))dlsym(library, "f_plug") : NULL;

		if (!f_plug) {
			bad(dlerror(), 0);
			break;
		}
		for (int i = 0; i < 20; i++) {
			long n = (long)++counter;

			CHECK(f_plug(n) == n + 13, n);
		}
		shared->loads++;
		while (shared->step == 2 && !shared->stop) {
			long n = (long)++counter;

			CHECK(f_plug(n) == n + 13, n);
			nap(1000);
		}
		dlclose(library);
		if (shared->loads % 3 == 0)
			free(malloc(shared->loads % 64 << 12)); /* the next one may lie elsewhere */
	}
	shared->threads[0].rounds = counter;
	shared->done = 1;
	return finish();
}
