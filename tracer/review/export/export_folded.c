/**
 * Folded stacks, as flamegraph.pl, speedscope and inferno read them: a line for each way through the
 * functions, and the nanoseconds that its last function took itself.
 *
 *	virDomainGetBlockInfo;qemuDomainGetBlockInfo 3710422
 *
 * A `;` in a name is written as an octal escape, as everything is that may not be shown.
 */
#include <inttypes.h>

#include "tracer/review/call_tree.h"
#include "tracer/review/export/export.h"
#include "tracer/review/export/export_tree.h"
#include "tracer/trace/reader.h"

static const char *replace(char ch)
{
	return ch == ';' ? "\\073" : NULL;
}

static void put_way(FILE *out, const struct call_node *node)
{
	const struct call_node *way[CALL_TREE_DEPTH_MAX];
	unsigned n = 0;

	for (; node->probe; node = node->up)
		way[n++] = node;
	while (n) {
		export_text(out, way[--n]->probe->function, 0, replace);
		if (n)
			putc(';', out);
	}
}

static int folded_end(struct export *export)
{
	struct call_tree *tree = export->state;

	for (const struct call_node *it = call_tree_root(tree); it; it = call_node_next(it)) {
		if (!it->probe || !it->self_ns)
			continue;
		put_way(export->out, it);
		fprintf(export->out, " %" PRIu64 "\n", it->self_ns);
	}
	return export_tree_end(export);
}

const struct exporter export_folded = {
	.name = "folded",
	.summary = "stacks with the nanoseconds each took, for flame graphs",
	.begin = export_tree_begin,
	.tree = export_tree_add,
	.end = folded_end,
};
