/*
 * Files as they are found on disk, where somebody wants to harm who reads them: what the names in debug information lead to is
 * a FIFO or a device, and a small file becomes large memory.  An alarm ends the test where it waits.
 */
#include <errno.h>
#include <unistd.h>

#include "symbols/function.h"
#include "symbols/module.h"
#include "tests/unit/symbols/oracle.h"
#include "tracer/base/err.h"

enum { PATIENCE_S = 120 };

static char *dir;

static struct module *open_made(uint64_t max_mib)
{
	const struct module_options options = { .no_debuginfod = true, .max_mib = max_mib };
	struct module *module;
	char path[300];

	snprintf(path, sizeof(path), "%s/fn", dir);
	if (module_open(path, path, 0, 0, &options, &module) < 0)
		fail_msg("%s", err_text());
	return module;
}

/* What is asked of every module that a probe may mean. */
static size_t count_functions(struct module *module)
{
	struct function_list list = { 0 };
	const struct pattern pattern = { .name = "*" };

	assert_true(function_find(module, &pattern, &list) >= 0);
	size_t n = list.n;

	function_list_free(&list);
	return n;
}

static void make(const char *build, const char *then)
{
	run("rm -rf %s && mkdir %s", dir, dir);
	run("%s -w -o %s/fn " SAMPLES "/functions.c " SAMPLES "/other.c && cd %s && %s", build, dir, dir, then);
}

static void traps_are_not_opened(void **state)
{
	static const struct {
		const char *build, *then;
		enum debug_level level;
	} cases[] = {
		{ "gcc -g", "strip fn && objcopy --add-gnu-debuglink=$(touch x; echo x) fn && rm x && mkfifo x", DEBUG_NONE },
		{ "gcc -g", "strip fn && mkfifo fn.debug", DEBUG_NONE },
		{ "gcc -g", "strip fn && mkdir .debug && mkfifo .debug/fn.debug", DEBUG_NONE },
		{ "gcc -g", "strip fn && ln -s /dev/zero fn.debug", DEBUG_NONE },
		{ "gcc -g -gsplit-dwarf", "for f in *.dwo; do rm $f && mkfifo $f; done", DEBUG_SYMTAB },
		{ "gcc -gdwarf-4 -gsplit-dwarf", "for f in *.dwo; do rm $f && mkfifo $f; done", DEBUG_SYMTAB },
		{ "gcc -g -gsplit-dwarf", "for f in *.dwo; do rm $f && ln -s /dev/tty $f; done", DEBUG_SYMTAB },
		{ "gcc -g -gsplit-dwarf", "mkfifo fn.dwp", DEBUG_SYMTAB },
		{ "gcc -g", "cp fn two && dwz -m alt fn two && rm alt && mkfifo alt", DEBUG_SYMTAB },
		{ "gcc -g", "cp fn two && dwz -M $PWD/alt -m alt fn two && rm alt && mkfifo alt", DEBUG_SYMTAB },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int code;

		make(cases[i].build, cases[i].then);
		struct module *module = open_made(0);

		count_functions(module);
		enum debug_level level = module_debug_level(module);
		const char *why = module_tell_refusal(module, &code);

		if (level != cases[i].level || !why || !strstr(why, "no regular file"))
			fail_msg("%s: level %d, %s", cases[i].then, level, why ? why : "no reason");
		assert_null(module_tell_refusal(module, &code));
		module_close(module);
	}
}

/* The other way round: that they are looked at first takes nothing away. */
static void real_files_are_read(void **state)
{
	static const struct {
		const char *build, *then;
	} cases[] = {
		{ "gcc -g -gsplit-dwarf", "true" },
		{ "gcc -gdwarf-4 -gsplit-dwarf", "true" },
		{ "gcc -g -gsplit-dwarf", "mkdir d && mv fn d && cd d && mkfifo fn.debug" }, /* DWARF is in the file */
		{ "gcc -g", "cp fn two && dwz -m alt fn two" },
		{ "gcc -g", "cp fn two && mkdir .dwz && dwz -M ../nowhere/alt -m .dwz/alt fn two" },
		{ "gcc -g -gz", "true" },
		{ "gcc -g", "mkdir .debug && mkfifo fn.debug && objcopy --only-keep-debug fn .debug/x && strip fn && "
			    "cd .debug && objcopy --add-gnu-debuglink=x ../fn" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int code;

		make(cases[i].build, cases[i].then);
		run("cd %s && [ ! -d d ] || ln -s d/fn fn", dir);
		struct module *module = open_made(0);

		if (count_functions(module) < 10 || module_debug_level(module) != DEBUG_DWARF)
			fail_msg("%s, %s: level %d", cases[i].build, cases[i].then, module_debug_level(module));
		assert_null(module_tell_refusal(module, &code));
		module_close(module);
	}
}

#define BIG(mib) "truncate -s " mib "M z && objcopy --add-section .debug_x=z --add-section .debug_y=z fn && "
#define ZIP "objcopy --compress-debug-sections=zlib"
#define MINI "truncate -s 200M z && xz -0 z && strip fn && objcopy --add-section .gnu_debugdata=z.xz fn"

static void bombs_are_not_unpacked(void **state)
{
	static const struct {
		const char *then;
		uint64_t max_mib;
		const char *why; /* NULL: it is read */
	} cases[] = {
		{ BIG("32") ZIP " fn", 0, "unpacks to 32 MiB, 10" },
		{ BIG("32") ZIP "-gnu fn", 0, "unpacks to 32 MiB, 10" },
		{ BIG("32") ZIP " fn", 30, "unpacks to 32 MiB" },
		{ BIG("32") ZIP " fn", 40, "sections unpack to 64 MiB or more" },
		{ BIG("32") ZIP " fn", 70, NULL },
		{ BIG("10") ZIP " fn", 0, NULL },
		{ BIG("32") "true", 30, "has 32 MiB" },
		{ BIG("32") "true", 40, "sections have 64 MiB or more" },
		{ BIG("32") "true", 0, NULL },
		{ "objcopy --only-keep-debug fn fn.debug && strip fn && truncate -s 16G fn.debug && "
		  "echo > x && objcopy --add-gnu-debuglink=x fn && mv fn.debug x", 0, "it has 16384 MiB" },
		{ MINI, 0, "unpacks to more than 64 MiB" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int code = 0;

		make("gcc -g -Wl,--build-id=none", cases[i].then); /* a debug file is known by its checksum */
		struct module *module = open_made(cases[i].max_mib);
		size_t n = count_functions(module);
		const char *why = module_tell_refusal(module, &code);

		if (!cases[i].why != !why || (why && (!strstr(why, cases[i].why) || code != -EFBIG)))
			fail_msg("%s, at most %lu: %s", cases[i].then, (unsigned long)cases[i].max_mib, why ? why : "read");
		if (!why)
			assert_true(n > 10);
		module_close(module);
	}
}

/* What is unpacked of one file is not there for others, until it is freed. */
static void all_files_together_are_bounded(void **state)
{
	struct module *modules[3];
	int code;

	(void)state;
	make("gcc -g", BIG("15") ZIP " fn");
	for (int i = 0; i < 3; i++) {
		modules[i] = open_made(70);
		assert_int_equal(module_debug_level(modules[i]), i < 2 ? DEBUG_DWARF : DEBUG_NONE);
	}
	const char *why = module_tell_refusal(modules[2], &code);

	assert_non_null(why);
	assert_non_null(strstr(why, "of all files would be 90 MiB"));
	for (int i = 0; i < 3; i++)
		module_close(modules[i]);
	modules[0] = open_made(70);
	assert_int_equal(module_debug_level(modules[0]), DEBUG_DWARF);
	module_close(modules[0]);
}

/* Numbers in headers that libelf would believe. */
static void headers_are_bounded(void **state)
{
	static const struct {
		const char *then; /* bytes to write: offset in the Elf64_Ehdr, value */
		const char *text;
	} cases[] = {
		/* e_shnum 0: it is in sh_size of section 0 */
		{ "truncate -s 40G fn && at 60 '\\0\\0' && o=$(od -An -tu8 -j40 -N8 fn) && at $((o + 32)) '\\0\\0\\0\\020'",
		  "268435456 sections" },
		{ "at 56 '\\377\\377'", "more program headers" },
		{ "n=$(readelf -lW fn | grep -E '^  [A-Z_]+ +0x' | grep -n NOTE | head -n 1 | cut -d: -f1) && truncate -s 4G fn && "
		  "at $((64 + 56 * (n - 1) + 32)) '\\0\\0\\0\\100'", "bytes of notes" },
	};
	char path[300];

	(void)state;
	snprintf(path, sizeof(path), "%s/fn", dir);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct module_options options = { .no_debuginfod = true };
		struct module *module;
		char command[600];

		snprintf(command, sizeof(command),
			 "at() { printf \"$2\" | dd of=fn bs=1 seek=$1 conv=notrunc status=none; } && %s", cases[i].then);
		make("gcc -g", command);
		assert_int_equal(module_open(path, path, 0, 0, &options, &module), -EBADMSG);
		if (!strstr(err_text(), cases[i].text))
			fail_msg("%s: %s", cases[i].then, err_text());
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(traps_are_not_opened),
		cmocka_unit_test(real_files_are_read),
		cmocka_unit_test(bombs_are_not_unpacked),
		cmocka_unit_test(all_files_together_are_bounded),
		cmocka_unit_test(headers_are_bounded),
	};

	unsetenv("DEBUGINFOD_URLS");
	dir = sample_dir();
	alarm(PATIENCE_S);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	sample_dir_free(dir);
	return failed;
}
