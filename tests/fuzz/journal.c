/*
 * The journal that a killed virtrace left, damaged, and what is done with it: the memory of a process is repaired by it, and
 * build-ids are read from that memory.
 *
 * Input: a byte that says what is right in it, the head, then sites and modules by turns, then the memory.
 */
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "tracer/probe/journal.h"
#include "tracer/probe/repair.h"
#include "tracer/remote/buildid.h"
#include "tracer/remote/maps.h"
#include "tracer/remote/proc.h"

enum { HEAD = offsetof(struct journal_file, modules), RECORDS = 4, MEMORY = 4096 };

static struct journal_file image;
static uint8_t memory[MEMORY] __attribute__((aligned(MEMORY)));

static void fill(struct input *input, void *to, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((uint8_t *)to)[i] = input_byte(input);
}

static void make_image(struct input *input)
{
	uint8_t right = input_byte(input);

	memset(&image, 0, sizeof(image));
	fill(input, &image, HEAD);
	if (right & 1)
		memcpy(image.magic, "virtrace undo\n\0", sizeof(image.magic));
	if (right & 2)
		image.version = 1;
	if (right & 4)
		image.size = sizeof(image);
	if (right & 8)
		image.n_modules %= JOURNAL_MODULES_MAX + 1, image.n_sites %= JOURNAL_SITES_MAX + 1;
	for (size_t i = 0; i < RECORDS; i++) {
		fill(input, &image.sites[i], sizeof(image.sites[i]));
		if (right & 16)
			image.sites[i].addr %= MEMORY;
		fill(input, &image.modules[i], 80);
	}
	memset(memory, 0xcc, MEMORY);
	fill(input, memory, input->len < MEMORY ? input->len : MEMORY);
}

/* The path of a file that holds it: sparse, as journals are. */
static const char *write_image(void)
{
	static char path[] = "/tmp/virtrace-fuzz.XXXXXX";
	static int fd = -1;

	if (fd < 0) {
		fd = mkstemp(path);
	} else if (access(path, F_OK) < 0) { /* one without a magic is removed */
		close(fd);
		fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	}
	assert(fd >= 0 && ftruncate(fd, 0) == 0 && ftruncate(fd, sizeof(image)) == 0);
	assert(pwrite(fd, &image, offsetof(struct journal_file, modules[RECORDS]), 0) > 0);
	assert(pwrite(fd, image.sites, sizeof(image.sites[0]) * RECORDS, offsetof(struct journal_file, sites)) > 0);
	return path;
}

/* The memory is of the first module, as far as that can be. */
static void write_maps(const struct journal_file *file, int fd)
{
	const struct journal_module *module = &file->modules[0];

	assert(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
	dprintf(fd, "0-%x r-xp %lx %lx:%lx %lu \n%x-%x rw-p 0 0:0 0 \n", MEMORY, module->offset - module->lo, module->dev >> 32,
		module->dev & 0xffffffff, module->inode, MEMORY, 2 * MEMORY);
}

/* Only bytes that are int3 may be written. */
static void repair(const struct journal_file *file)
{
	static struct repair_target target = { -1, -1, 0 };
	uint8_t after[MEMORY];
	struct repair_result result;

	if (target.mem_fd < 0) {
		target.mem_fd = memfd_create("memory", MFD_CLOEXEC);
		target.maps_fd = memfd_create("maps", MFD_CLOEXEC);
	}
	assert(pwrite(target.mem_fd, memory, MEMORY, 0) == MEMORY);
	write_maps(file, target.maps_fd);
	repair_sites(file, &target, &result);
	assert(result.restored + result.clean + result.changed + result.unsure + result.failed <= file->n_sites);
	assert(pread(target.mem_fd, after, MEMORY, 0) == MEMORY);
	for (size_t i = 0; i < MEMORY; i++)
		assert(after[i] == memory[i] || memory[i] == 0xcc);
}

static size_t no_build_id(void *ctx, const struct mapping *m, uint8_t *id)
{
	(void)ctx, (void)m, (void)id;
	return 0;
}

static void add_to(struct journal *journal)
{
	const struct mapping m = { .lo = 4096, .hi = 8192, .path = "/a" };
	unsigned module = journal_module(journal, &m, no_build_id, NULL);
	int site = journal_add(journal, 4096, memory, INSN_MAX, module, 0);

	if (site >= 0)
		journal_drop(journal, site);
	assert(journal_check(journal->file, sizeof(*journal->file)) == 0);
}

static void read_build_id(void)
{
	static struct proc *proc;
	struct mapping m = { .lo = (uint64_t)(uintptr_t)memory, .hi = (uint64_t)(uintptr_t)memory + MEMORY, .inode = 1 };
	const struct maps maps = { .items = &m, .n = 1 };
	uint8_t id[JOURNAL_ID_MAX];

	assert(proc || proc_open(getpid(), &proc) == 0);
	assert(build_id_read(proc, &maps, &m, id, sizeof(id)) <= sizeof(id));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	struct journal journal;

	make_image(&input);
	read_build_id();
	if (journal_open_path(write_image(), &journal) < 0)
		return 0;
	repair(journal.file);
	add_to(&journal);
	journal_close(&journal);
	return 0;
}
