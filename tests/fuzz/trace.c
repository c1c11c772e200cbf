/*
 * Traces of somebody else: what `report` and `export` do with a directory.
 *
 * Input: a letter that says how it is shown, then the files, each behind a mark "@@F" and a letter (file_name).  The
 * checksums, which are against accidents only, are put right.  Without an 'm' the metadata is what schema.json asks for.
 */
#include "tests/fuzz/fuzz.h"

#include <babeltrace2/babeltrace.h>
#include <getopt.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "tracer/base/arena.h"
#include "tracer/cmd/command.h"
#include "tracer/trace/checksum.h"
#include "tracer/trace/description.h"
#include "tracer/trace/schema_json.h"

static const char mark[] = "@@F";

/*
 * babeltrace2 2.0 loses a message when it finds that a trace is damaged, and with it all it knows of the trace.  So the
 * memory of one input is what it adds.
 */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libglib-2.0\nleak:babeltrace-plugin-ctf\n";
}

size_t __sanitizer_get_heap_size(void);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const bt_plugin *plugin;

	/* It stays loaded: that is faster, and leaks in it have its name. */
	(void)argc, (void)argv;
	assert(bt_plugin_find("ctf", BT_FALSE, BT_FALSE, BT_TRUE, BT_FALSE, BT_FALSE, &plugin) == BT_PLUGIN_FIND_STATUS_OK);
	return 0;
}

static const char *file_name(uint8_t letter)
{
	static char name[] = "stream_00000.";

	switch (letter) {
	case 'm':
		return "metadata";
	case 's':
		return ".virtrace/schema.json";
	case 'i':
		return ".virtrace/info.json";
	case 'x':
		return "README";
	default:
		name[sizeof(name) - 2] = (char)('0' + letter % 10);
		return name;
	}
}

static void append_checksum(FILE *out, uint8_t letter, const uint8_t *data, size_t len)
{
	if (letter == 'm')
		fprintf(out, "/* checksum %016" PRIx64 " */\n", checksum(data, len));
	if (letter == 's')
		fprintf(out, " \"checksum\": \"%016" PRIx64 "\"}\n", checksum(data, len));
}

static void write_file(const char *dir, uint8_t letter, const char *text, size_t len)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, file_name(letter));
	FILE *out = fopen(path, "we");

	assert(out);
	fwrite(text, 1, len, out);
	fclose(out);
}

static void describe(const char *dir, const struct schema_json_doc *doc)
{
	struct description *description;
	char *text = NULL;
	size_t len;
	int r = description_new(doc->uuid, doc->offset_ns, &description);

	assert(r == 0);
	for (size_t i = 0; i < doc->n_probes && r == 0; i++)
		r = description_add(description, doc->probes[i].desc, doc->probes[i].class);
	if (r == 0 && description_text(description, &text, &len) == 0)
		write_file(dir, 'm', text, len);
	free(text);
	description_free(description);
}

static void write_part(const char *dir, uint8_t letter, const uint8_t *data, size_t len)
{
	struct schema_json_doc doc;
	struct arena arena = { 0 };
	char *text = NULL;
	size_t text_len;
	FILE *out = open_memstream(&text, &text_len);

	assert(out);
	fwrite(data, 1, len, out);
	append_checksum(out, letter, data, len);
	fclose(out);
	write_file(dir, letter, text, text_len);
	if (letter == 's' && schema_json_parse(text, text_len, &arena, &doc) == 0)
		describe(dir, &doc);
	arena_free(&arena);
	free(text);
}

/* Returns the letters of the files, for remove_files(). */
static size_t write_files(const char *dir, const struct input *input, uint8_t *letters, size_t max)
{
	const uint8_t *at = memmem(input->data, input->len, mark, 3), *end = input->data + input->len;
	size_t n = 0;

	for (; at && at + 4 <= end && n < max; n++) {
		const uint8_t *start = at + 4, *next = memmem(start, (size_t)(end - start), mark, 3);

		letters[n] = at[3];
		write_part(dir, at[3], start, (size_t)((next ? next : end) - start));
		at = next;
	}
	return n;
}

static void remove_files(const char *dir, const uint8_t *letters, size_t n)
{
	char path[256];

	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, file_name(letters[i]));
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/%s", dir, file_name('m'));
	unlink(path);
}

static void show(const char *dir, unsigned how)
{
	const char *const commands[][6] = {
		{ "report", "--no-pager", dir },
		{ "report", "--no-pager", "-v", dir },
		{ "report", "--plain", dir },
		{ "report", "--if", "$ret < 0 || $duration > 5", "--color=never", dir },
		{ "export", "-f", "jsonl", dir },
		{ "info", dir },
		{ "tree", dir },
		{ "stats", dir, "$ret" },
		{ "diff", dir, dir },
		{ "export", "-f", "csv", dir },
		{ "export", "-f", "chrome", dir },
		{ "export", "-f", "svg", dir },
	};
	static int (*const functions[])(int, char **) = {
		cmd_report, cmd_report, cmd_report, cmd_report, cmd_export, cmd_info,
		cmd_tree,   cmd_stats,	cmd_diff,   cmd_export, cmd_export, cmd_export,
	};
	unsigned n = how % (sizeof(functions) / sizeof(*functions));
	FILE *out = stdout, *err = stderr;
	char *argv[7] = { 0 }, *text = NULL, *errors = NULL;
	size_t len, errors_len;
	int argc = 0;

	while (argc < 6 && commands[n][argc]) {
		argv[argc] = (char *)commands[n][argc];
		argc++;
	}
	stdout = open_memstream(&text, &len);
	stderr = open_memstream(&errors, &errors_len);
	assert(stdout && stderr);
	optind = 0;
	functions[n](argc, argv);
	fclose(stdout);
	fclose(stderr);
	stdout = out;
	stderr = err;
	check_shown(text, len);
	check_shown(errors, errors_len);
	if (argc > 2 && !strcmp(argv[2], "jsonl"))
		check_json_lines(text);
	free(text);
	free(errors);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char dir[] = "/tmp/virtrace-fuzz.XXXXXX", side[sizeof(dir) + 16];
	struct input input = { data, size };
	uint8_t letters[16], how = input_byte(&input);
	size_t heap = __sanitizer_get_heap_size();

	if (!side[0]) {
		assert(mkdtemp(dir));
		snprintf(side, sizeof(side), "%s/.virtrace", dir);
		assert(mkdir(side, 0700) == 0);
		setenv("TMPDIR", dir, 1); /* what is left behind stays in there */
	}
	size_t n = write_files(dir, &input, letters, sizeof(letters));

	show(dir, how);
	remove_files(dir, letters, n);
	assert(__sanitizer_get_heap_size() < heap + ((size_t)1 << 30));
	return 0;
}
