#include "tracer/review/export.h"

#include <string.h>

static const struct exporter *const table[] = {
	&export_jsonl,
};

size_t exporters(const struct exporter *const **ret)
{
	*ret = table;
	return sizeof(table) / sizeof(*table);
}

const struct exporter *exporter_find(const char *name)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (!strcmp(table[i]->name, name))
			return table[i];
	return NULL;
}
