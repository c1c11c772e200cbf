/*
 * Loads and unloads a library, over and over, and calls it.
 * usage: plugs SHARED LIBRARY
 */
#include <dlfcn.h>

#include "tests/engine/victim.h"

static uint64_t counter;

__attribute__((visibility("default"))) volatile uint64_t *plug_counter(void)
{
	return &counter;
}

int main(int argc, char **argv)
{
	open_shared(argv[1]);
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
		dlclose(library);
		shared->loads++;
		if (shared->loads % 3 == 0)
			free(malloc(shared->loads % 64 << 12)); /* the next one may lie elsewhere */
	}
	shared->threads[0].rounds = counter;
	shared->done = 1;
	return finish();
}
