/**
 * The call graph for graphviz and for mermaid: functions are boxes, redder the more of the time they
 * took; arrows say how often one called the other.  Failed calls are told in words too.
 *
 * All text comes in quotes.  In dot `"` and `\` end or change these ("The DOT Language",
 * double-quoted strings; escString for labels), and entities of HTML are read.  Mermaid takes
 * anything as the entity #N;, but for a backslash before an n, which is a new line however it is
 * written: what looks like one takes its place.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "tracer/base/err.h"
#include "tracer/review/call_graph.h"
#include "tracer/review/call_tree.h"
#include "tracer/review/export/export.h"
#include "tracer/review/export/export_tree.h"
#include "tracer/trace/reader.h"

enum {
	DOT_WAYS_MAX = 1000,     /* what dot lays out in seconds */
	MERMAID_WAYS_MAX = 300,  /* mermaid refuses more than 500 arrows and 50,000 characters */
};

/* How a format writes the graph. */
struct style {
	size_t ways_max;
	void (*begin)(FILE *out, const char *title, const char *subtitle);
	void (*node)(FILE *out, size_t index, const struct graph_node *node, const char *figures,
		     const char *colour);
	void (*edge)(FILE *out, const struct graph_edge *edge);
	void (*note)(FILE *out, const char *text);
	void (*end)(FILE *out);
};

static int put_graph(struct export *export, const struct style *style,
		     const struct call_graph *graph, const char *left_out)
{
	char *subtitle = export_subtitle(export), colour[EXPORT_COLOUR_MAX];

	style->begin(export->out, export->title, subtitle ? subtitle : "");
	free(subtitle);
	for (size_t i = 0; i < graph->n_nodes; i++) {
		const struct graph_node *node = &graph->nodes[i];
		char *figures = export_figures(node->calls, node->total_ns, node->errors,
					       node->open);

		if (!figures)
			return -ENOMEM;
		style->node(export->out, i, node, figures,
			    export_heat(colour, node->total_ns, graph->total_ns));
		free(figures);
	}
	for (size_t i = 0; i < graph->n_edges; i++)
		style->edge(export->out, &graph->edges[i]);
	if (left_out)
		style->note(export->out, left_out);
	style->end(export->out);
	return 0;
}

static int end_graph(struct export *export, const struct style *style)
{
	size_t left_out = 0;
	int r = call_tree_prune(export->state, style->ways_max, &left_out);
	struct call_graph *graph = r == 0 ? call_graph_new(export->state) : NULL;

	char *note = export_left_out(export->state, left_out);

	r = graph ? put_graph(export, style, graph, note) : -ENOMEM;
	free(note);
	call_graph_free(graph);
	export_tree_end(export);
	return r < 0 ? err_set(r, "out of memory for the call graph") : 0;
}

/* dot */

static const char *dot_replace(char ch)
{
	return ch == '"' ? "\\\"" : ch == '\\' ? "\\\\" : ch == '&' ? "&amp;" : NULL;
}

static void dot_begin(FILE *out, const char *title, const char *subtitle)
{
	fputs("digraph \"", out);
	export_text(out, title, EXPORT_NAME_MAX, dot_replace);
	fputs("\" {\n\tgraph [rankdir=LR, fontname=\"sans-serif\", labelloc=t, label=\"", out);
	export_text(out, title, EXPORT_NAME_MAX, dot_replace);
	fputs("\\n", out);
	export_text(out, subtitle, EXPORT_NAME_MAX, dot_replace);
	fputs("\"];\n"
	      "\tnode [shape=box, style=\"filled,rounded\", color=\"#8a8272\", "
	      "fontname=\"sans-serif\", fontsize=12];\n"
	      "\tedge [color=\"#8a8272\", fontname=\"sans-serif\", fontsize=10];\n",
	      out);
}

static void dot_node(FILE *out, size_t index, const struct graph_node *node, const char *figures,
		     const char *colour)
{
	fprintf(out, "\tn%zu [fillcolor=\"%s\"%s, label=\"", index, colour,
		node->errors ? ", color=\"#b3261e\", penwidth=2" : "");
	export_text(out, node->probe->function, EXPORT_NAME_MAX, dot_replace);
	fprintf(out, "\\n%s\"", figures);
	fputs(", tooltip=\"", out);
	export_text(out, node->probe->module, EXPORT_NAME_MAX, dot_replace);
	if (node->probe->source) {
		putc(' ', out);
		export_text(out, node->probe->source, EXPORT_NAME_MAX, dot_replace);
	}
	fputs("\"];\n", out);
}

static void dot_edge(FILE *out, const struct graph_edge *edge)
{
	fprintf(out, "\tn%zu -> n%zu [label=\"%" PRIu64 "\"];\n", edge->from, edge->to,
		edge->calls);
}

static void dot_note(FILE *out, const char *text)
{
	fprintf(out, "\tnote [shape=note, style=\"\", label=\"%s\"];\n", text);
}

static void dot_end(FILE *out)
{
	fputs("}\n", out);
}

static int export_dot_end(struct export *export)
{
	static const struct style style = {
		.ways_max = DOT_WAYS_MAX,
		.begin = dot_begin,
		.node = dot_node,
		.edge = dot_edge,
		.note = dot_note,
		.end = dot_end,
	};

	return end_graph(export, &style);
}

const struct exporter export_dot = {
	.name = "dot",
	.summary = "the call graph, for graphviz",
	.begin = export_tree_begin,
	.tree = export_tree_add,
	.end = export_dot_end,
};

/* mermaid */

static const char *mermaid_replace(char ch)
{
	static char entity[8];

	if ((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
	    ch & 0x80 || ch == '_' || ch == ' ' || ch == '.' || ch == ',')
		return NULL;
	if (ch == '\\')
		return "⧵";
	snprintf(entity, sizeof(entity), "#%d;", ch);
	return entity;
}

static void mermaid_begin(FILE *out, const char *title, const char *subtitle)
{
	fputs("%% ", out);
	export_text(out, title, EXPORT_NAME_MAX, mermaid_replace);
	fputs(": ", out);
	export_text(out, subtitle, EXPORT_NAME_MAX, mermaid_replace);
	fputs("\nflowchart LR\n", out);
}

static void mermaid_node(FILE *out, size_t index, const struct graph_node *node,
			 const char *figures, const char *colour)
{
	fprintf(out, "\tn%zu[\"", index);
	export_text(out, node->probe->function, EXPORT_NAME_MAX, mermaid_replace);
	fprintf(out, "<br>%s\"]\n", figures);
	fprintf(out, "\tstyle n%zu fill:%s,stroke:%s,color:#000\n", index, colour,
		node->errors ? "#b3261e,stroke-width:2px" : "#8a8272");
}

static void mermaid_edge(FILE *out, const struct graph_edge *edge)
{
	fprintf(out, "\tn%zu -->|%" PRIu64 "| n%zu\n", edge->from, edge->calls, edge->to);
}

static void mermaid_note(FILE *out, const char *text)
{
	fprintf(out, "\tnote[\"%s\"]\n", text);
}

static void mermaid_end(FILE *out)
{
	(void)out;
}

static int export_mermaid_end(struct export *export)
{
	static const struct style style = {
		.ways_max = MERMAID_WAYS_MAX,
		.begin = mermaid_begin,
		.node = mermaid_node,
		.edge = mermaid_edge,
		.note = mermaid_note,
		.end = mermaid_end,
	};

	return end_graph(export, &style);
}

const struct exporter export_mermaid = {
	.name = "mermaid",
	.summary = "the call graph as text that GitLab and GitHub draw",
	.begin = export_tree_begin,
	.tree = export_tree_add,
	.end = export_mermaid_end,
};
