#include "tracer/review/export/export.h"

#include <string.h>

static const struct exporter *const table[] = {
	&export_chrome, &export_csv,   &export_dot,     &export_folded, &export_html,
	&export_jsonl,  &export_mermaid, &export_svg, &export_xmind,
	NULL,
};

const struct exporter *const *exporters(void)
{
	return table;
}

const struct exporter *exporter_find(const char *name)
{
	for (const struct exporter *const *it = table; *it; it++)
		if (!strcmp((*it)->name, name))
			return *it;
	return NULL;
}
