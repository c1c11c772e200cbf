/*
 * Files as they are found on disk: a module in a directory where somebody has put FIFOs, devices, sparse files and bombs in the
 * places where debug information is searched, asked what `list` and `record` ask before attaching.
 *
 * Input: a byte that chooses the module, then pairs of bytes: a place, and what is put there.  The limits of a run (scripts/fuzz) are
 * the judges: nothing may wait, and nothing may take more than its share of memory.
 */
#include "tests/fuzz/fuzz.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "symbols/function.h"
#include "symbols/module.h"
#include "tracer/base/arena.h"

enum { PAIRS_MAX = 8 };

/* Made by scripts/fuzz: with .gnu_debuglink, split, with an alternate file of dwz, with all in itself. */
static const char *const modules[] = { "linked", "split", "dwz", "plain", "noid" };

static const char *const places[] = {
	"linked.debug", ".debug/linked.debug", "linked", "split.dwo", "split.so.dwp", "dwz.alt", ".dwz/dwz.alt", "plain.so.debug",
	"noid.debug", ".debug/noid.debug",
};

static char dir[] = "/tmp/virtrace-fuzz.XXXXXX";

static void remove_dir(void)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		char path[128];

		snprintf(path, sizeof(path), "%s/%s", dir, places[i]);
		unlink(path);
		rmdir(path);
	}
}

/* A file of the samples, with its size changed, or a section of its that says it is another one's size, or compressed. */
static void put_file(const char *path, const char *name, uint8_t how)
{
	char from[512], buf[1 << 16];
	Elf64_Ehdr header;
	Elf64_Shdr section;
	Elf64_Chdr compressed = { .ch_type = ELFCOMPRESS_ZLIB, .ch_size = (uint64_t)1 << (20 + how % 24), .ch_addralign = 1 };

	snprintf(from, sizeof(from), "%s/disk/%s", SAMPLE_DIR, name);
	int in = open(from, O_RDONLY | O_CLOEXEC), out = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert(in >= 0 && out >= 0);
	for (ssize_t n; (n = read(in, buf, sizeof(buf))) > 0;)
		assert(write(out, buf, (size_t)n) == n);
	assert(pread(out, &header, sizeof(header), 0) == sizeof(header));
	off_t at = (off_t)(header.e_shoff + sizeof(section) * (how % (header.e_shnum ? header.e_shnum : 1u)));

	if (how & 0x80 && pread(out, &section, sizeof(section), at) == sizeof(section)) {
		if (how & 0x40) {
			section.sh_flags |= SHF_COMPRESSED;
			assert(pwrite(out, &compressed, sizeof(compressed), (off_t)section.sh_offset) > 0);
		} else {
			section.sh_size = (uint64_t)1 << (20 + how % 20);
		}
		assert(pwrite(out, &section, sizeof(section), at) > 0);
	}
	if (how & 0x20)
		assert(ftruncate(out, (off_t)1 << (25 + how % 16)) == 0 || errno == EFBIG);
	close(in);
	close(out);
}

static void put(const char *place, uint8_t what, uint8_t how)
{
	static const char *const devices[] = { "/dev/zero", "/dev/tty", "/proc/kmsg", "/dev/full" };
	static const char *const files[] = { "linked.debug", "split.dwo", "dwz.alt", "noid.debug", "split.so", "bomb" };
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, place);
	(void)!remove(path); /* also an empty directory */
	switch (what % 8) {
	case 0:
		(void)!mkfifo(path, 0600);
		break;
	case 1:
		(void)!symlink(devices[how % 4], path);
		break;
	case 2:
		(void)!mkdir(path, 0700);
		break;
	case 3:
		(void)!symlink(place, path);
		break;
	default:
		put_file(path, files[what / 8 % 6], how);
	}
}

static void ask(const char *name)
{
	const struct module_options options = { .no_debuginfod = true };
	const struct pattern pattern = { .name = "*" };
	struct function_list functions = { 0 };
	struct source_frame frames[8];
	struct module *module;
	char path[128];
	int code;

	snprintf(path, sizeof(path), "%s/%s.so", dir, name);
	if (module_open(path, path, 0, 0, &options, &module) < 0)
		return;
	function_find(module, &pattern, &functions);
	for (size_t i = 0; i < functions.n && i < 20; i++)
		module_addr_frames(module, functions.items[i]->entry, frames, 8);
	module_debug_file(module);
	module_tell_refusal(module, &code);
	function_list_free(&functions);
	module_close(module);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char path[128];

	(void)argc, (void)argv;
	assert(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/.debug", dir);
	assert(mkdir(path, 0700) == 0);
	snprintf(path, sizeof(path), "%s/.dwz", dir);
	assert(mkdir(path, 0700) == 0);
	atexit(remove_dir);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	uint8_t which = input_byte(&input), how = which / 8;
	const char *name = modules[which % (sizeof(modules) / sizeof(modules[0]))];
	char path[128], file[64];

	snprintf(path, sizeof(path), "%s/%s.so", dir, name);
	snprintf(file, sizeof(file), "%s.so", name);
	put_file(path, file, how < 16 ? 0 : input_byte(&input));
	for (int i = 0; i < PAIRS_MAX && input.len; i++) {
		uint8_t place = input_byte(&input), what = input_byte(&input);

		put(places[place % (sizeof(places) / sizeof(places[0]))], what, input_byte(&input));
	}
	ask(name);
	remove_dir();
	unlink(path);
	return 0;
}
