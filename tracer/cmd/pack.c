/**
 * pack, unpack: a trace as one file, for a ticket
 *
 * What is hidden is gone from the file: the trace is copied event by event first.  The command line
 * of the recording goes with any value that is hidden, as expressions may quote it.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "symbols/schema.h"
#include "tracer/base/array.h"
#include "tracer/base/err.h"
#include "tracer/base/log.h"
#include "tracer/cmd/command.h"
#include "tracer/cmd/option.h"
#include "tracer/cmd/output.h"
#include "tracer/cmd/review.h"
#include "tracer/review/text.h"
#include "tracer/trace/pack.h"
#include "tracer/trace/raw.h"
#include "tracer/trace/reader.h"
#include "tracer/trace/rewrite.h"
#include "tracer/trace/scratch.h"

enum { NAMES_SHOWN = 40, NAME_SHOWN_MAX = 128 };

/* --redact EXPR */
struct hidden {
	const char *source;
	bool is_found;
};

struct options {
	const char *path, *output;
	bool strings, force;
	ARRAY(struct hidden) hidden;
};

static void print_pack_help(FILE *out)
{
	fputs("usage: virtrace pack [-o FILE] [--redact EXPR|strings]… TRACE\n"
	      "\n"
	      "Packs a trace into one file, TRACE" PACK_SUFFIX
	      ", which all commands read as it is. Only its owner can\n"
	      "read the file.\n"
	      "\n"
	      "  -o, --output FILE      where to; '-' is the standard output\n"
	      "      --redact EXPR      leave out what was recorded of EXPR, as 'domain->name'; of a "
	      "member,\n"
	      "                         all of the expression that it was recorded with\n"
	      "      --redact strings   leave out all strings and char arrays, names of threads, of "
	      "the host\n"
	      "                         and of the program\n"
	      "      --force            overwrite FILE\n"
	      "  -h, --help\n"
	      "\n"
	      "What is left out is shown as <redacted>. Names of functions, modules and source "
	      "files, numbers and\n"
	      "times stay. The command line of the recording goes with the first value. EXPR is left out wherever "
	      "it was\n"
	      "recorded under this name; the same text or number recorded of something else stays, as in QMP "
	      "messages:\n"
	      "leave out those too ('line', 'msg->txBuffer'), or all strings.\n"
	      "\n"
	      "Examples:\n"
	      "  virtrace pack blk.trace\n"
	      "  virtrace pack --redact strings -o ticket-4711" PACK_SUFFIX " blk.trace\n"
	      "  virtrace report ticket-4711" PACK_SUFFIX "\n"
	      "\n"
	      "Exit status: 0 done, 1 error, 2 usage.\n",
	      out);
}

static void print_unpack_help(FILE *out)
{
	fputs("usage: virtrace unpack [-o DIR] FILE\n"
	      "\n"
	      "Makes a directory of a packed trace, for programs other than virtrace.\n"
	      "\n"
	      "  -o, --output DIR       where to, instead of FILE without " PACK_SUFFIX "\n"
	      "  -h, --help\n"
	      "\n"
	      "Example:\n"
	      "  virtrace unpack blk.trace" PACK_SUFFIX " && babeltrace2 blk.trace\n"
	      "\n"
	      "Exit status: 0 done, 1 error, 2 usage.\n",
	      out);
}

enum { OPT_REDACT = 256, OPT_FORCE };

static const struct option pack_options[] = {
	{ "output", required_argument, NULL, 'o' },
	{ "redact", required_argument, NULL, OPT_REDACT },
	{ "force", no_argument, NULL, OPT_FORCE },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static const struct option unpack_options[] = {
	{ "output", required_argument, NULL, 'o' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static int add_redaction(struct options *options, const char *what)
{
	if (!strcmp(what, "strings")) {
		options->strings = true;
		return 0;
	}
	struct hidden *hidden = array_push(&options->hidden);

	if (!hidden)
		return err_set(-ENOMEM, "out of memory");
	hidden->source = what;
	return 0;
}

/* 0 go on, 1 the help is wanted, negative: usage, with a message. */
static int parse_arguments(struct options *options, int argc, char **argv,
			   const struct option *long_options)
{
	int opt, r;

	optind = 1;
	while ((opt = option_next(argc, argv, ":o:h", long_options)) != OPTION_END) {
		switch (opt) {
		case 'o':
			options->output = optarg;
			break;
		case OPT_REDACT:
			r = add_redaction(options, optarg);
			if (r < 0)
				return r;
			break;
		case OPT_FORCE:
			options->force = true;
			break;
		case 'h':
			return 1;
		default: /* OPTION_WRONG */
			return -EINVAL;
		}
	}
	if (optind + 1 != argc)
		return err_set(-EINVAL, optind == argc ? "which trace? 'virtrace %s --help' tells more"
						       : "one trace at a time",
			       argv[0]);
	options->path = argv[optind];
	return 0;
}

/* Redaction */

/*
 * Whether an expression names a capture or something in it: `info->capacity` is in `*info`, and so
 * is all that `info` names. Rather too much goes than too little.
 */
static bool names_capture(const char *source, const char *capture)
{
	const char *name = capture;

	if (!strcmp(source, capture))
		return true;
	source += strspn(source, "*&( ");
	name += strspn(name, "*&( ");
	size_t len = strcspn(name, ") ");

	if (strncmp(source, name, len) != 0)
		return false;
	source += len;
	return !(isalnum((unsigned char)*source) || *source == '_');
}

static bool hides_capture(void *ctx, const char *name)
{
	struct options *options = ctx;
	struct hidden *it;
	bool hides = false;

	array_foreach(&options->hidden, it) {
		if (!names_capture(it->source, name))
			continue;
		it->is_found = true;
		hides = true;
	}
	return hides;
}

static void hide_key(struct json_object *object, const char *key)
{
	if (json_object_is_type(object, json_type_object) &&
	    json_object_object_get_ex(object, key, NULL))
		json_object_object_add(object, key, json_object_new_string("<redacted>"));
}

static struct json_object *part_of(struct json_object *info, const char *key)
{
	struct json_object *part = NULL;

	json_object_object_get_ex(info, key, &part);
	return part;
}

/* info.json of the copy, which says what was left out. */
static char *hide_info(void *ctx, const char *text)
{
	struct options *options = ctx;
	struct json_object *info = json_tokener_parse(text), *command = json_object_new_array(),
			   *what = json_object_new_array();
	struct hidden *it;

	if (!json_object_is_type(info, json_type_object))
		info = json_object_new_object();
	json_object_array_add(command, json_object_new_string("<redacted>"));
	json_object_object_add(info, "command", command);
	if (options->strings) {
		json_object_array_add(what, json_object_new_string("strings"));
		hide_key(part_of(info, "target"), "comm");
		hide_key(part_of(info, "target"), "exe");
		hide_key(part_of(info, "host"), "name");
		hide_key(info, "end");
	}
	array_foreach(&options->hidden, it)
		json_object_array_add(what, json_object_new_string(it->source));
	json_object_object_add(info, "redacted", what);
	const char *copy = json_object_to_json_string_ext(info, JSON_C_TO_STRING_PRETTY |
								JSON_C_TO_STRING_NOSLASHESCAPE);
	char *ret = copy ? strdup(copy) : NULL;

	json_object_put(info);
	return ret;
}

static void name_captures(const struct schema *side, unsigned *n)
{
	char name[NAME_SHOWN_MAX];

	for (uint32_t i = 0; i < side->n_members && *n < NAMES_SHOWN; i++, (*n)++)
		err_hint(-EINVAL, "  %s",
			 text_harmless(name, sizeof(name),
				       side->members[i]->name ? side->members[i]->name : ""));
}

static int check_found(const struct options *options, const char *dir)
{
	const struct trace_probe *const *probes;
	const struct hidden *it, *missing = NULL;
	struct reader *reader;
	unsigned n = 0;

	array_foreach(&options->hidden, it)
		if (!it->is_found && !missing)
			missing = it;
	if (!missing || reader_open(dir, &reader) < 0)
		return missing ? err_set(-EINVAL, "nothing was recorded of '%s'", missing->source)
			       : 0;
	err_set(-EINVAL, "nothing was recorded of '%s'; there is:", missing->source);
	size_t n_probes = reader_probes(reader, &probes);

	for (size_t i = 0; i < n_probes; i++) {
		name_captures(probes[i]->entry, &n);
		name_captures(probes[i]->ret, &n);
	}
	reader_close(reader);
	return -EINVAL;
}

/* pack */

/* The last part of a path, without the end of a packed trace's name; for free(). */
static char *name_of(const char *path)
{
	char *copy = strdup(path);
	size_t len = copy ? strlen(copy) : 0, suffix = strlen(PACK_SUFFIX);

	while (len > 1 && copy[len - 1] == '/')
		copy[--len] = '\0';
	if (len > suffix && !strcmp(copy + len - suffix, PACK_SUFFIX))
		copy[len - suffix] = '\0';
	char *name = copy ? strdup(basename(copy)) : NULL;

	free(copy);
	return name;
}

static int write_packed(const char *dir, const char *name, const char *path, bool force)
{
	struct output output;
	int r = output_open(path, force, &output);

	if (r < 0)
		return r;
	r = pack_write(dir, name, output.file);
	int r_close = output_close(&output, r == 0);

	return r < 0 ? r : r_close;
}

static void tell(const struct options *options, const char *path,
		 const struct rewrite_report *report)
{
	char text[NAME_SHOWN_MAX];
	struct stat st;

	if (report->lost_packets || report->lost_bytes)
		log_warn("the trace is damaged: %llu packets and %llu bytes are not in the packed "
			 "one",
			 (unsigned long long)report->lost_packets,
			 (unsigned long long)report->lost_bytes);
	if (options->strings || options->hidden.n)
		log_info("%llu values are redacted; %s", (unsigned long long)report->hidden,
			 options->strings ? "names of functions, numbers and times are not"
					  : "the same recorded of something else is not, as in QMP messages");
	if (path && stat(path, &st) == 0)
		log_info("%s: %llu events, %lld bytes", text_harmless(text, sizeof(text), path),
			 (unsigned long long)report->events, (long long)st.st_size);
}

/* The copy `dir` of the trace is made, then packed. */
static int pack_copy(struct options *options, const char *from, const char *dir, const char *name)
{
	bool hides = options->strings || options->hidden.n;
	const struct raw_hide hide = {
		.strings = options->strings, .capture = hides_capture, .ctx = options,
	};
	const struct rewrite_options rewrite = {
		.hide = hides ? &hide : NULL, .info = hides ? hide_info : NULL, .ctx = options,
	};
	struct rewrite_report report;
	char *path = NULL;
	int r = rewrite_trace(from, dir, &rewrite, &report);

	if (r == 0)
		r = check_found(options, dir);
	if (r < 0)
		return r;
	if (options->output && !strcmp(options->output, "-"))
		r = isatty(STDOUT_FILENO)
			    ? err_set(-EINVAL, "a packed trace is nothing for a terminal")
			    : review_flush(stdout, pack_write(dir, name, stdout));
	else if (asprintf(&path, options->output ? "%s" : "%s" PACK_SUFFIX,
			  options->output ? options->output : name) < 0)
		return err_set(-ENOMEM, "out of memory");
	else
		r = write_packed(dir, name, path, options->force);
	if (r == 0)
		tell(options, path, &report);
	free(path);
	return r;
}

static int pack(struct options *options)
{
	struct scratch *scratch = NULL;
	struct unpacked *unpacked = NULL;
	char *name = name_of(options->path), *dir = NULL;
	const char *from;
	/* It may be packed: to redact what somebody else has. */
	int r = name ? unpacked_directory(options->path, &unpacked, &from)
		     : err_set(-ENOMEM, "out of memory");

	if (r == 0)
		r = scratch_new(&scratch);
	if (r == 0 && asprintf(&dir, "%s/trace", scratch_path(scratch)) < 0)
		r = err_set(-ENOMEM, "out of memory");
	if (r == 0)
		r = pack_copy(options, from, dir, name);
	free(dir);
	free(name);
	scratch_free(scratch);
	unpacked_put(unpacked);
	return r;
}

int cmd_pack(int argc, char **argv)
{
	struct options options = { 0 };
	int r = parse_arguments(&options, argc, argv, pack_options);

	if (r > 0)
		print_pack_help(stdout);
	else if (r == 0)
		r = pack(&options);
	array_free(&options.hidden);
	return review_exit_status(r);
}

/* unpack */

static int unpack(const struct options *options)
{
	char shown[NAME_SHOWN_MAX];
	char *name = name_of(options->path);
	const char *to = options->output ? options->output : name;
	int r = to ? 0 : err_set(-ENOMEM, "out of memory");

	if (r == 0)
		r = pack_extract(options->path, to);
	if (r == 0)
		log_info("unpacked into %s", text_harmless(shown, sizeof(shown), to));
	free(name);
	return r;
}

int cmd_unpack(int argc, char **argv)
{
	struct options options = { 0 };
	int r = parse_arguments(&options, argc, argv, unpack_options);

	if (r > 0)
		print_unpack_help(stdout);
	else if (r == 0)
		r = unpack(&options);
	return review_exit_status(r);
}
