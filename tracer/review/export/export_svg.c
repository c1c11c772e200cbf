/**
 * The call tree as a picture (SVG 1.1), from left to right: a box for each way through the
 * functions, redder the more of the time it took, with a red frame if calls failed.
 *
 * Nodes are numbered depth first. Each one without children has a row; the others stand in the
 * middle of their first and last child, which all have higher numbers. A column is as wide as its
 * widest text: the font is a monospaced one, so that this is known.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/err.h"
#include "tracer/review/call_tree.h"
#include "tracer/review/export/export.h"
#include "tracer/review/export/export_tree.h"
#include "tracer/review/show.h"
#include "tracer/review/text.h"
#include "tracer/trace/reader.h"

enum {
	NODES_MAX = 1000,
	MARGIN = 24,
	HEAD = 68,         /* title and legend */
	NAME_ADVANCE = 8,  /* of a character of the name, rounded up */
	SMALL_ADVANCE = 7, /* of the line below it */
	BOX_HEIGHT = 40,
	BOX_PADDING = 10,
	ROW = 52,
	GAP = 56, /* between columns, for the lines */
	NARROWEST = 640,
};

struct box {
	const struct call_node *node;
	size_t up, last; /* boxes of the parent and of the last child; 0: the root, none */
	double y;        /* of the middle */
	char *figures;
};

struct picture {
	FILE *out;
	struct box *boxes; /* the first one is the root, which is not drawn */
	size_t n;
	size_t rows;
	unsigned columns[CALL_TREE_DEPTH_MAX + 2]; /* by depth: width, then place */
	unsigned width;
};

static const char *xml_replace(char ch)
{
	switch (ch) {
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '&':
		return "&amp;";
	case '"':
		return "&quot;";
	default:
		return NULL;
	}
}

static void put_text(const struct picture *picture, const char *text)
{
	export_text(picture->out, text, EXPORT_NAME_MAX, xml_replace);
}

static unsigned box_width(const struct box *box)
{
	size_t name = text_width(box->node->probe->function, true);
	size_t small = strlen(box->figures);

	name = name > EXPORT_NAME_MAX ? EXPORT_NAME_MAX + 1 : name;
	name *= NAME_ADVANCE;
	small *= SMALL_ADVANCE;
	return (unsigned)(name > small ? name : small) + 2 * BOX_PADDING;
}

/* Number the nodes, find parents and rows. */
static int add_boxes(struct picture *picture, const struct call_tree *tree)
{
	const struct call_node *node = call_tree_root(tree);
	size_t up = 0, i = 1;

	picture->boxes[0].node = node;
	for (; (node = call_node_next(node)); up = i++) {
		struct box *box = &picture->boxes[i];

		while (picture->boxes[up].node != node->up)
			up = picture->boxes[up].up;
		*box = (struct box){ .node = node, .up = up };
		box->figures = export_figures(node->calls, node->total_ns, node->errors,
					      node->open);
		if (!box->figures)
			return -ENOMEM;
		if (!node->first)
			box->y = HEAD + MARGIN + (double)picture->rows++ * ROW + BOX_HEIGHT / 2.0;
		unsigned *width = &picture->columns[node->depth];

		*width = box_width(box) > *width ? box_width(box) : *width;
	}
	picture->n = i;
	return 0;
}

/* Children have higher numbers than their parents. */
static void place_parents(struct picture *picture)
{
	for (size_t i = picture->n - 1; i > 0; i--) {
		struct box *box = &picture->boxes[i], *up = &picture->boxes[box->up];

		if (box->last)
			box->y = (picture->boxes[i + 1].y + picture->boxes[box->last].y) / 2;
		if (!up->last)
			up->last = i;
	}
}

static void place_columns(struct picture *picture)
{
	unsigned x = MARGIN;

	for (unsigned depth = 1; depth <= CALL_TREE_DEPTH_MAX; depth++) {
		unsigned width = picture->columns[depth];

		picture->columns[depth] = x;
		if (!width)
			break;
		picture->width = x + width + MARGIN;
		x += width + GAP;
	}
	picture->width = picture->width < NARROWEST ? NARROWEST : picture->width;
}

static void put_head(const struct picture *picture, const struct export *export,
			const char *left_out)
{
	char *subtitle = export_subtitle(export);
	size_t height = HEAD + MARGIN + picture->rows * ROW + (left_out ? ROW / 2 : 0);

	fprintf(picture->out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%zu\" "
		"viewBox=\"0 0 %u %zu\">\n<title>",
		picture->width, height, picture->width, height);
	put_text(picture, export->title);
	fputs("</title>\n"
	      "<style>\n"
	      "text { font-family: 'DejaVu Sans Mono', Menlo, Consolas, monospace; fill: #1d1b16; }\n"
	      ".head { font-size: 18px; font-weight: bold; }\n"
	      ".name { font-size: 13px; font-weight: bold; }\n"
	      ".small { font-size: 11px; fill: #57523f; }\n"
	      ".box { stroke: #8a8272; }\n"
	      ".failed { stroke: #b3261e; stroke-width: 2; }\n"
	      ".way { fill: none; stroke: #b9b2a0; }\n"
	      "</style>\n"
	      "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
	      picture->out);
	fprintf(picture->out, "<text class=\"head\" x=\"%d\" y=\"38\">", MARGIN);
	put_text(picture, export->title);
	fprintf(picture->out, "</text>\n<text class=\"small\" x=\"%d\" y=\"58\">", MARGIN);
	put_text(picture, subtitle ? subtitle : "");
	fputs("</text>\n", picture->out);
	free(subtitle);
}

/* How much of all time a node took. */
static double part_of(const struct picture *picture, const struct call_node *node)
{
	uint64_t whole_ns = picture->boxes[0].node->total_ns;
	double part = whole_ns ? (double)node->total_ns / (double)whole_ns : 0;

	return part > 1 ? 1 : part;
}

static void put_line(const struct picture *picture, const struct box *box)
{
	const struct box *up = &picture->boxes[box->up];
	unsigned from = picture->columns[up->node->depth] + box_width(up);
	unsigned to = picture->columns[box->node->depth], middle = to - GAP / 2;

	fprintf(picture->out,
		"<path class=\"way\" stroke-width=\"%.1f\" d=\"M%u %.1fH%uC%u %.1f %u %.1f %u %.1f\"/>\n",
		1 + 5 * part_of(picture, box->node), from, up->y, to - GAP, middle, up->y, middle,
		box->y, to, box->y);
}

/* What a browser shows when the mouse is over a box. */
static void put_details(const struct picture *picture, const struct box *box)
{
	const struct trace_probe *probe = box->node->probe;
	const struct call_node *node = box->node;
	uint64_t ended = node->calls - node->open;
	char average[SHOW_DURATION_MAX], self[SHOW_DURATION_MAX], longest[SHOW_DURATION_MAX];

	fputs("<title>", picture->out);
	export_text(picture->out, probe->function, 0, xml_replace);
	putc('\n', picture->out);
	export_text(picture->out, probe->module, 0, xml_replace);
	putc(' ', picture->out);
	export_text(picture->out, probe->source ? probe->source : "", 0, xml_replace);
	fprintf(picture->out, "\n%s", box->figures);
	if (ended)
		fprintf(picture->out, "\nitself %s, average %s, longest %s (#%" PRIu64 ")",
			show_duration(self, node->self_ns),
			show_duration(average, node->total_ns / ended),
			show_duration(longest, node->max_ns), node->slowest);
	fputs("</title>", picture->out);
}

static void put_box(const struct picture *picture, const struct box *box)
{
	unsigned x = picture->columns[box->node->depth];
	char colour[EXPORT_COLOUR_MAX];

	fputs("<g>", picture->out);
	put_details(picture, box);
	fprintf(picture->out,
		"<rect class=\"box%s\" x=\"%u\" y=\"%.1f\" width=\"%u\" height=\"%d\" rx=\"6\" "
		"fill=\"%s\"/>",
		box->node->errors ? " failed" : "", x, box->y - BOX_HEIGHT / 2.0, box_width(box),
		BOX_HEIGHT,
		export_heat(colour, box->node->total_ns, picture->boxes[0].node->total_ns));
	fprintf(picture->out, "<text class=\"name\" x=\"%u\" y=\"%.1f\">", x + BOX_PADDING,
		box->y - 3);
	put_text(picture, box->node->probe->function);
	fprintf(picture->out, "</text><text class=\"small\" x=\"%u\" y=\"%.1f\">%s</text></g>\n",
		x + BOX_PADDING, box->y + 13, box->figures);
}

static void put_picture(const struct picture *picture, const struct export *export,
			const char *left_out)
{
	put_head(picture, export, left_out);
	for (size_t i = 1; i < picture->n; i++)
		if (picture->boxes[i].up)
			put_line(picture, &picture->boxes[i]);
	for (size_t i = 1; i < picture->n; i++)
		put_box(picture, &picture->boxes[i]);
	if (left_out)
		fprintf(picture->out,
			"<text class=\"small\" x=\"%d\" y=\"%zu\">%s</text>\n",
			MARGIN, HEAD + MARGIN + picture->rows * ROW, left_out);
	fputs("</svg>\n", picture->out);
}

static int svg_end(struct export *export)
{
	struct picture picture = { .out = export->out };
	size_t left_out = 0;
	int r = call_tree_prune(export->state, NODES_MAX, &left_out);

	picture.boxes = calloc(NODES_MAX + 1, sizeof(*picture.boxes));
	if (r == 0 && picture.boxes)
		r = add_boxes(&picture, export->state);
	if (r == 0 && picture.boxes) {
		place_parents(&picture);
		place_columns(&picture);
		char *note = export_left_out(export->state, left_out);

		put_picture(&picture, export, note);
		free(note);
	}
	for (size_t i = 0; picture.boxes && i <= NODES_MAX; i++)
		free(picture.boxes[i].figures);
	if (!picture.boxes)
		r = -ENOMEM;
	free(picture.boxes);
	export_tree_end(export);
	return r < 0 ? err_set(r, "out of memory for the picture") : 0;
}

const struct exporter export_svg = {
	.name = "svg",
	.summary = "the call tree as a picture",
	.begin = export_tree_begin,
	.tree = export_tree_add,
	.end = svg_end,
};
