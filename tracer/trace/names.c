#include "tracer/trace/names.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct name {
	UT_hash_handle hh;
	char text[];
};

bool name_set_has(const struct name *names, const char *text)
{
	struct name *found;

	HASH_FIND_STR(names, text, found);
	return found;
}

bool name_set_add(struct name **names, const char *text)
{
	struct name *name = malloc(sizeof(*name) + strlen(text) + 1);

	if (!name)
		return false;
	strcpy(name->text, text);
	HASH_ADD_STR(*names, text, name);
	return true;
}

void name_set_free(struct name **names)
{
	struct name *name, *next;

	HASH_ITER(hh, *names, name, next) {
		HASH_DEL(*names, name);
		free(name);
	}
}
