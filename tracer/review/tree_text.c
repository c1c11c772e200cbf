#include "tracer/review/tree_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tracer/review/call_tree.h"
#include "tracer/review/figure.h"
#include "tracer/review/show.h"
#include "tracer/trace/reader.h"

enum {
	LEVELS_DRAWN = 30, /* deeper nodes are indented no further */
	KEY_COLUMNS = 60,  /* of a text that nodes are split by */
};

static void put_lines(struct page *page, const struct call_node *node)
{
	const char *lines[LEVELS_DRAWN];
	unsigned n = 0;

	if (node->depth < 2)
		return;
	for (const struct call_node *it = node; it->depth > 1; it = it->up) {
		unsigned level = it->depth - 2;

		if (level >= LEVELS_DRAWN)
			continue;
		lines[level] = it == node ? (it->next ? "|- " : "`- ") : it->next ? "|  " : "   ";
		n = level + 1 > n ? level + 1 : n;
	}
	for (unsigned i = 0; i < n; i++)
		page_put(page, COLOUR_FAINT, lines[i]);
	if (node->depth - 1 > LEVELS_DRAWN)
		page_putf(page, COLOUR_FAINT, "(level %u) ", node->depth);
}

static void put_key(struct show *show, const char *by, const char *key)
{
	page_put_name(&show->page, COLOUR_NONE, " ", by, show->print.utf8);
	page_put(&show->page, COLOUR_NONE, "=");
	page_put_cut(&show->page, COLOUR_CHANGED, key, KEY_COLUMNS);
}

static void put_oddities(struct page *page, const struct call_node *node)
{
	if (node->errors)
		page_putf(page, COLOUR_BAD, "   ! %" PRIu64 " failed", node->errors);
	if (node->open)
		page_putf(page, COLOUR_BAD, "   ! %" PRIu64 " open at the end", node->open);
}

static void put_node(struct show *show, const struct call_node *node, const char *by)
{
	struct page *page = &show->page;
	char total[FIGURE_MAX], self[FIGURE_MAX];

	page_putf(page, COLOUR_NONE, "%*s %*s %8" PRIu64 "  ", show_span_width(show),
		  figure(total, node->total_ns, FIGURE_NS, show->exact), show_span_width(show),
		  figure(self, node->self_ns, FIGURE_NS, show->exact), node->calls);
	put_lines(page, node);
	page_put_name(page, COLOUR_NAME, "", node->probe->function, show->print.utf8);
	if (node->key)
		put_key(show, by, node->key);
	put_oddities(page, node);
	page_newline(page);
}

void tree_text(struct show *show, const struct call_tree *tree, const char *by)
{
	const struct call_node *node = call_tree_root(tree)->first;
	struct page *page = &show->page;
	const char *suffix = figure_suffix(FIGURE_NS, show->exact);
	char total[16], self[16];
	unsigned width = page->width;

	if (!node)
		return;
	page->width = 0; /* rows are never broken */
	snprintf(total, sizeof(total), "TOTAL%s", suffix);
	snprintf(self, sizeof(self), "SELF%s", suffix);
	page_putf(page, COLOUR_FAINT, "%*s %*s %8s  FUNCTION", show_span_width(show), total,
		  show_span_width(show), self, "CALLS");
	page_newline(page);
	for (; node; node = call_node_next(node))
		put_node(show, node, by);
	if (call_tree_left_out(tree)) {
		page_putf(page, COLOUR_BAD,
			  "# %" PRIu64 " calls have no line: deeper than %d, or more than %d ways",
			  call_tree_left_out(tree), CALL_TREE_DEPTH_MAX, CALL_TREE_NODES_MAX);
		page_newline(page);
	}
	page->width = width;
}
