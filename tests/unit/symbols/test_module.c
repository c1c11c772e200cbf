/*
 * Modules: what may be opened, where it is mapped (this very process is the oracle), how debug
 * information is found, and names of code addresses (binutils' addr2line is the oracle).
 */
#include "symbols/module.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <link.h>

#include "symbols/function.h"
#include "tests/unit/symbols/oracle.h"
#include "tracer/base/arena.h"
#include "tracer/base/err.h"

static char *dir;

static int open_with(const char *name, const struct module_options *options, struct module **ret)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return module_open(path, path, 0, 0, options, ret);
}

static struct module *open_sample(const char *name, const char *debuginfo)
{
	const struct module_options options = { .no_debuginfod = true, .debuginfo = debuginfo };
	struct module *module;

	if (open_with(name, &options, &module) < 0)
		fail_msg("%s", err_text());
	return module;
}

static void build(const char *name, const char *cc_and_flags)
{
	run("%s -w -o %s/%s " SAMPLES "/functions.c " SAMPLES "/other.c", cc_and_flags, dir, name);
}

static uint64_t find_entry(struct module *module, const char *name)
{
	struct function_list list = { 0 };
	const struct pattern pattern = { .name = name };

	assert_true(function_find(module, &pattern, &list) >= 0);
	uint64_t entry = list.n == 1 ? list.items[0]->entry : 0;

	function_list_free(&list);
	return entry;
}

static void bad_files_are_refused(void **state)
{
	static const struct {
		const char *make; /* a command that makes the file `bad` */
		int error;
		const char *text;
	} cases[] = {
		{ "true", -ENOENT, "cannot open" },
		{ "mkdir bad", -EBADMSG, "not an ELF file" },
		{ ": > bad", -EBADMSG, "not an ELF file" },
		{ "echo text > bad", -EBADMSG, "not an ELF file" },
		{ "head -c 40 fn > bad", -EBADMSG, "not an ELF file" },
		{ "head -c 64 fn > bad", -EBADMSG, "damaged" },
		{ "echo 'int x;' | gcc -m32 -c -xc - -o bad", -ENOTSUP, "32-bit" },
		{ "echo 'int x;' | gcc -c -xc - -o bad", -EBADMSG, "neither a program nor" },
		{ "cp fn bad && printf '\\267' | dd of=bad bs=1 seek=18 conv=notrunc status=none", -ENOTSUP,
		  "another kind of CPU" },
	};
	const struct module_options options = { 0 };
	struct module *module = NULL;

	(void)state;
	build("fn", "gcc -g");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		run("cd %s && rm -rf bad && %s", dir, cases[i].make);
		int r = open_with("bad", &options, &module);

		if (r != cases[i].error || !strstr(err_text(), cases[i].text))
			fail_msg("%s: %d, %s", cases[i].make, r, err_text());
		assert_null(module);
	}
	run("rm -rf %s/bad", dir);
	assert_int_equal(
		module_open("/bin/true", "true", 0x7f0000000000, 0x10000000, &options, &module),
		-EBADMSG);
	module_close(NULL);
}

/* Our own libc: functions must be where the dynamic linker says they are. */
static void bias_is_the_dynamic_linkers(void **state)
{
	const struct module_options options = { .no_debuginfod = true };
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[600], path[400];
	unsigned long lo, hi, offset;
	bool found = false;
	Dl_info info;

	(void)state;
	assert_true(dladdr((void *)getppid, &info));
	while (!found && fgets(line, sizeof(line), maps)) {
		struct module *module;
		char bytes[64];

		if (sscanf(line, "%lx-%lx %*s %lx %*s %*s %399s", &lo, &hi, &offset, path) != 4 ||
		    !strstr(path, "/libc.so.6"))
			continue;
		assert_int_equal(module_open(path, path, lo, offset, &options, &module), 0);
		assert_string_equal(module_name(module), "libc.so.6");
		assert_string_equal(module_path(module), path);
		assert_int_equal(module_bias(module), (uintptr_t)info.dli_fbase);
		assert_int_equal(find_entry(module, "getppid"), (uintptr_t)getppid);
		assert_true(module_contains(module, (uintptr_t)getppid));
		assert_true(module_contains(module, (uintptr_t)info.dli_fbase));
		assert_false(module_contains(module, (uintptr_t)&lo));
		assert_int_equal(module_read(module, (uintptr_t)getppid, bytes, sizeof(bytes)), 0);
		assert_memory_equal(bytes, (void *)getppid, sizeof(bytes));
		assert_int_equal(module_read(module, (uintptr_t)&lo, bytes, 1), -EFAULT);
		assert_int_equal(module_read(module, (uintptr_t)info.dli_fbase - 1, bytes, 1),
				 -EFAULT);
		module_close(module);
		found = true;
	}
	fclose(maps);
	assert_true(found);
}

/* The main program, which is PIE, and one that is not. */
static void programs_are_where_they_run(void **state)
{
	static const char *const flags[] = { "gcc -g -pie -fPIE",
					     "gcc -g -no-pie",
					     "gcc -g -static",
					     "clang -g -fuse-ld=bfd",
					     "gcc -g -Wl,-z,noseparate-code",
					     "gcc -g -Wl,-z,max-page-size=0x200000" };

	(void)state;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		const struct module_options options = { .no_debuginfod = true };
		char path[300];

		run("printf '#include <stdio.h>\\n#include <string.h>\\nint main(void){char "
		    "l[500];FILE*f=fopen(\"/proc/self/maps\",\"r\");"
		    "printf(\"%%%%lx\\\\n\",(long)main);while(fgets(l,500,f))if(strstr(l,\"/"
		    "where\"))printf(\"%%%%s\",l);}' "
		    "> %s/where.c && cd %s && %s -o where where.c",
		    dir, dir, flags[i]);
		char *text = output_of("%s/where", dir), *save, *line = strtok_r(text, "\n", &save);
		uint64_t address = strtoull(line, NULL, 16);
		unsigned long lo, offset;
		struct module *module;

		line = strtok_r(NULL, "\n", &save);
		assert_int_equal(sscanf(line, "%lx-%*x %*s %lx", &lo, &offset), 2);
		snprintf(path, sizeof(path), "%s/where", dir);
		assert_int_equal(
			module_open(path, "/elsewhere/where", lo, offset, &options, &module), 0);
		if (find_entry(module, "main") != address)
			fail_msg("%s: %s: main at 0x%" PRIx64 ", not 0x%" PRIx64, flags[i], line,
				 find_entry(module, "main"), address);
		assert_string_equal(module_path(module), "/elsewhere/where");
		module_close(module);
		free(text);
	}
}

static void build_id_is_as_readelf_says(void **state)
{
	static const char *const styles[] = { "sha1", "md5", "0xabcdef01", "none" };

	(void)state;
	for (size_t i = 0; i < sizeof(styles) / sizeof(styles[0]); i++) {
		char flags[100];
		const unsigned char *id;

		snprintf(flags, sizeof(flags), "gcc -g -Wl,--build-id=%s", styles[i]);
		build("fn", flags);
		char *theirs =
			output_of("readelf -n %s/fn | sed -n 's/.*Build ID: //p'; echo", dir);
		struct module *module = open_sample("fn", NULL);

		theirs[strcspn(theirs, "\n")] = '\0';
		assert_string_equal(module_build_id_hex(module), theirs);
		assert_int_equal(module_build_id(module, &id), strlen(theirs) / 2);
		module_close(module);
		free(theirs);
	}
}

/* Ways to separate debug info, and where it then must be found. */
static void debug_info_is_searched(void **state)
{
	static const struct {
		const char *make; /* shell, in a directory with `fn`, and `fn.debug` made of it */
		const char *debuginfo; /* option, below the directory; NULL: none */
		enum debug_level level;
		const char *found; /* its file, at the end */
		bool no_id;
	} cases[] = {
		{ "true", NULL, DEBUG_DWARF, "/fn", false },
		{ "strip -g fn && rm fn.debug", NULL, DEBUG_SYMTAB, "/fn", false },
		{ "strip fn && rm fn.debug", NULL, DEBUG_NONE, NULL, false },
		/* a file of that name beside it, with the same build-id */
		{ "strip fn", NULL, DEBUG_DWARF, "/fn.debug", false },
		/* .gnu_debuglink */
		{ "strip fn && objcopy --add-gnu-debuglink=fn.debug fn", NULL, DEBUG_DWARF, "/fn.debug", false },
		{ "strip fn && objcopy --add-gnu-debuglink=fn.debug fn", NULL, DEBUG_DWARF, "/fn.debug", true },
		{ "strip fn && objcopy --add-gnu-debuglink=fn.debug fn && mkdir .debug && mv fn.debug .debug", NULL,
		  DEBUG_DWARF, "/.debug/fn.debug", false },
		{ "strip fn && objcopy --add-gnu-debuglink=fn.debug fn && mkdir far && mv fn.debug far", "far",
		  DEBUG_DWARF, "/far/fn.debug", false },
		{ "strip fn && objcopy --add-gnu-debuglink=fn.debug fn && mkdir far && mv fn.debug far", NULL,
		  DEBUG_NONE, NULL, false },
		/* another build's */
		{ "strip fn && objcopy --add-gnu-debuglink=fn.debug fn && cp wrong.debug fn.debug", NULL, DEBUG_NONE,
		  NULL, false },
		{ "strip fn && objcopy --add-gnu-debuglink=fn.debug fn && cp wrong.debug fn.debug", NULL, DEBUG_NONE,
		  NULL, true },
		/* by build-id */
		{ "strip fn && id=$(readelf -n fn | sed -n 's/.*Build ID: //p') && d=far/.build-id/$(echo $id | cut -c1-2) && "
		  "mkdir -p $d && mv fn.debug $d/$(echo $id | cut -c3-).debug", "nowhere:DIR/far", DEBUG_DWARF,
		  ".debug", false },
		/* mini debug info */
		{ "nm fn | grep ' [tT] ' | cut -d' ' -f3 > keep && objcopy -S --remove-section .gnu_debuglink "
		  "--keep-symbols=keep fn mini && xz mini && strip fn && rm fn.debug && objcopy --add-section "
		  ".gnu_debugdata=mini.xz fn", NULL, DEBUG_SYMTAB, "/fn", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char extra[400], flags[100];

		run("rm -rf %s && mkdir %s", dir, dir);
		snprintf(flags, sizeof(flags), "gcc -g -O0%s",
			 cases[i].no_id ? " -Wl,--build-id=none" : "");
		build("wrong", "gcc -g -O1");
		build("fn", flags);
		char *nm = output_of("nm %s/fn | sed -n 's/ t old_style$//p'", dir);

		run("cd %s && objcopy --only-keep-debug fn fn.debug && objcopy --only-keep-debug "
		    "wrong wrong.debug && %s",
		    dir, cases[i].make);
		const char *option = cases[i].debuginfo;

		if (option && !strncmp(option, "nowhere:", 8))
			snprintf(extra, sizeof(extra), "/nowhere:%s/far", dir);
		else
			snprintf(extra, sizeof(extra), "%s/%s", dir, option ? option : "");
		struct module *module = open_sample("fn", option ? extra : NULL);
		const char *found = module_debug_file(module);
		size_t n = found ? strlen(found) : 0,
		       len = cases[i].found ? strlen(cases[i].found) : 0;

		if (module_debug_level(module) != cases[i].level || !found != !cases[i].found ||
		    (found && (n < len || strcmp(found + n - len, cases[i].found) != 0)))
			fail_msg("%s: level %d in %s", cases[i].make, module_debug_level(module),
				 found ? found : "no file");
		assert_int_equal(find_entry(module, "old_style"),
				 cases[i].level == DEBUG_NONE ? 0 : strtoull(nm, NULL, 16));
		module_close(module);
		free(nm);
	}
}

static unsigned progress_calls;

static void note_progress(const char *module, long done, long total)
{
	(void)done, (void)total;
	assert_string_equal(module, "fn");
	progress_calls++;
}

/* A server's directory, as debuginfod's own file:// client reads it. */
static void debuginfod_is_asked_only_if_wanted(void **state)
{
	static const struct {
		bool no_debuginfod;
		enum debug_level level;
	} cases[] = { { true, DEBUG_NONE }, { false, DEBUG_DWARF } };
	char urls[400], cache[400];

	(void)state;
	run("rm -rf %s && mkdir %s", dir, dir);
	build("fn", "gcc -g -O0");
	run("cd %s && id=$(readelf -n fn | sed -n 's/.*Build ID: //p') && mkdir -p "
	    "server/buildid/$id && "
	    "objcopy --only-keep-debug fn server/buildid/$id/debuginfo && strip fn",
	    dir);
	snprintf(urls, sizeof(urls), "file://%s/server", dir);
	snprintf(cache, sizeof(cache), "%s/cache", dir);
	setenv("DEBUGINFOD_URLS", urls, 1);
	setenv("DEBUGINFOD_CACHE_PATH", cache, 1);
	for (size_t i = 0; i < 2; i++) {
		const struct module_options options = {
			.no_debuginfod = cases[i].no_debuginfod,
			.progress = note_progress,
		};
		struct module *module;

		assert_int_equal(open_with("fn", &options, &module), 0);
		assert_int_equal(module_debug_level(module), cases[i].level);
		assert_string_equal(getenv("DEBUGINFOD_URLS"), urls);
		if (cases[i].no_debuginfod)
			assert_int_equal(progress_calls, 0);
		else
			assert_true(progress_calls > 0);
		module_close(module);
	}
	unsetenv("DEBUGINFOD_URLS");
	unsetenv("DEBUGINFOD_CACHE_PATH");
}

static const char *last_part(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path ? path : "??";
}

/* All inlined frames of addresses all over the code, as `addr2line -fi` prints them. */
static void compare_addresses(struct module *module, const char *what)
{
	struct function_list list = { 0 };
	const struct pattern pattern = { .name = "*" };
	char *addresses = NULL, *ours = NULL;
	size_t len, n = 0;
	FILE *addresses_out = open_memstream(&addresses, &len), *out = open_memstream(&ours, &len);

	assert_true(function_find(module, &pattern, &list) > 0);
	for (size_t i = 0; i < list.n; i++) {
		const struct range *range = &list.items[i]->ranges[0];

		for (uint64_t addr = range->lo; list.items[i]->has_types && addr < range->hi;
		     addr += 7, n++) {
			struct source_frame frames[16];
			size_t n_frames = module_addr_frames(module, addr, frames, 16);

			fprintf(addresses_out, " %" PRIx64, addr);
			for (size_t k = 0; k < n_frames; k++) {
				fprintf(out, "%s\n%s:", frames[k].function,
					last_part(frames[k].file));
				fprintf(out, frames[k].line ? "%d\n" : "?\n", frames[k].line);
				assert_int_equal(frames[k].inlined, k + 1 < n_frames);
				assert_int_equal(frames[k].offset, addr - range->lo);
			}
		}
	}
	fclose(addresses_out);
	fclose(out);
	assert_true(n > 60);
	char *theirs = output_of("addr2line -f -i -s -e %s/fn %s | sed 's/ (discriminator.*//; "
				 "s/.*:0$/??:?/; s/.*:[?]$/??:?/'",
				 dir, addresses);

	assert_same_text(ours, theirs, what);
	function_list_free(&list);
	free(addresses);
	free(ours);
	free(theirs);
}

static void addresses_are_as_addr2line_says(void **state)
{
	static const char *const builds[] = {
		"gcc -gdwarf-5 -O0", "gcc -gdwarf-5 -O2",   "gcc -gdwarf-4 -O2",
		"gcc -gdwarf-4 -O3", "clang -gdwarf-5 -O2", "clang -gdwarf-4 -O2",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(builds) / sizeof(builds[0]); i++) {
		build("fn", builds[i]);
		struct module *module = open_sample("fn", NULL);

		compare_addresses(module, builds[i]);
		module_close(module);
	}
}

static void lines_are_short(void **state)
{
	struct source_frame frame;

	(void)state;
	build("fn", "gcc -g -O0");
	struct module *module = open_sample("fn", NULL);
	uint64_t addr = find_entry(module, "exported");

	assert_string_equal(module_addr_line(module, addr), "functions.c:14");
	assert_int_equal(module_addr_frames(module, addr, &frame, 1), 1);
	assert_string_equal(frame.file, SAMPLES "/functions.c");
	assert_null(module_addr_line(module, 8));
	assert_int_equal(module_addr_frames(module, 8, &frame, 1), 0);
	module_close(module);
	/* Without debug info the symbol is known. */
	run("strip -g %s/fn", dir);
	module = open_sample("fn", NULL);
	assert_null(module_addr_line(module, addr));
	assert_int_equal(module_addr_frames(module, addr + 3, &frame, 1), 1);
	assert_string_equal(frame.function, "exported");
	assert_null(frame.file);
	assert_int_equal(frame.offset, 3);
	module_close(module);
}

/* What the kernel and the dynamic linker made of our own libc. */
static int find_libc(struct dl_phdr_info *info, size_t size, void *ctx)
{
	struct dl_phdr_info *ret = ctx;

	(void)size;
	if (!strstr(info->dlpi_name, "/libc.so.6"))
		return 0;
	*ret = *info;
	return 1;
}

static void unwind_table_is_where_it_is_mapped(void **state)
{
	const struct module_options options = { .no_debuginfod = true };
	struct dl_phdr_info info;
	struct unwind_table table;
	struct module *module;

	(void)state;
	assert_int_equal(dl_iterate_phdr(find_libc, &info), 1);
	assert_int_equal(
		module_open(info.dlpi_name, info.dlpi_name, info.dlpi_addr, 0, &options, &module),
		0);
	assert_int_equal(module_unwind_table(module, &table), 0);
	for (int i = 0; i < info.dlpi_phnum; i++) {
		const ElfW(Phdr) *phdr = &info.dlpi_phdr[i];

		if (phdr->p_type == PT_GNU_EH_FRAME)
			assert_int_equal(table.hdr_addr, info.dlpi_addr + phdr->p_vaddr);
		if (phdr->p_type == PT_LOAD && phdr->p_flags & PF_X) {
			assert_int_equal(table.text_lo, info.dlpi_addr + phdr->p_vaddr);
			assert_int_equal(table.text_hi,
					 info.dlpi_addr + phdr->p_vaddr + phdr->p_memsz);
		}
	}
	module_close(module);
	build("fn", "gcc -g -Wl,--no-eh-frame-hdr");
	module = open_sample("fn", NULL);
	assert_int_equal(module_unwind_table(module, &table), -ENOENT);
	module_close(module);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_files_are_refused),
		cmocka_unit_test(bias_is_the_dynamic_linkers),
		cmocka_unit_test(programs_are_where_they_run),
		cmocka_unit_test(build_id_is_as_readelf_says),
		cmocka_unit_test(debug_info_is_searched),
		cmocka_unit_test(debuginfod_is_asked_only_if_wanted),
		cmocka_unit_test(addresses_are_as_addr2line_says),
		cmocka_unit_test(lines_are_short),
		cmocka_unit_test(unwind_table_is_where_it_is_mapped),
	};

	unsetenv("DEBUGINFOD_URLS");
	dir = sample_dir();
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	sample_dir_free(dir);
	return failed;
}
