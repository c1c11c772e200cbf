// options: -k
// probe: main_side n => $ret
// probe: plugin.so!exported s, s->kind, *s->info => $ret, *s
// probe: plugin.so!hidden n, where, plugin_lib.c::calls => $ret, plugin_lib.c::calls
// probe: plugin.so!deep list[1] => $ret
#include <dlfcn.h>
#include <stdlib.h>

#include "plugin.h"
#include "target.h"

PROBED int main_side(int n)
{
	return n + 1000;
}

int main(int argc, char **argv)
{
	static struct info info = { "info", 1.5 };
	static struct subject subject = { KIND_A, &info };
	char path[4096];

	snprintf(path, sizeof(path), "%s.so", argv[0]);
	void *library = dlopen(path, RTLD_NOW);

	if (!library)
		return 1;
	exported_fn *exported = (exported_fn *)dlsym(library, "exported");

	target_start(argc);
	for (int i = 0; i < 3; i++)
		exported(&subject, main_side);
	dlclose(library);
	return 0;
}
