/*
 * What a file may cost
 *
 * libelf makes an object for each section header there is said to be, libdw unpacks every debug section before it looks at one, and
 * libdwfl unpacks .gnu_debugdata: three megabytes of file can become three gigabytes of memory, and a sparse file of no size at all
 * is read for minutes.  The headers tell beforehand how large all this will be, so they are added up here, by plain reads:
 *
 *	sections      as many bytes as their headers say
 *	compressed    SHF_COMPRESSED (gABI, "Section Compression"): the size to come is in front of the data, and libelf makes no more
 *	.zdebug_…     "ZLIB" and the size, big endian (binutils before 2.26)
 *	mini debug    .gnu_debugdata is an xz file without such a size: it is unpacked here once, as far as it may go, and its own
 *	              sections are looked at in the same way
 *
 * What one file has to be read is bounded for itself, as the pages of a file can be given back; what is unpacked stays in memory, so
 * that is bounded for all files together.
 */
#include "symbols/bounds.h"

#include <elf.h>
#include <endian.h>
#include <errno.h>
#include <lzma.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tracer/base/err.h"

#define MIB ((uint64_t)1 << 20)

enum {
	SECTIONS_MAX = 1 << 16, /* a program has some forty */
	NOTES_MAX = 1 << 20,    /* bytes of a segment or section of notes */
	RATIO_MAX = 100,        /* of debug sections: 3 to 10 */
	RATIO_FREE_MIB = 16,    /* so much may be packed as well as it likes */
	MINI_MAX_MIB = 64,      /* mini debug info: a few hundred KiB */
	MINI_MEMORY_MIB = 128,  /* for unpacking it: `xz -9` asks for 65 */
};

static const char *const have[] = { "has", "have" }, *const unpack[] = { "unpacks to", "unpack to" };

static _Atomic uint64_t taken_of_all;

/* A file, or one that is in memory. */
struct image {
	int fd;
	const unsigned char *bytes; /* or NULL */
	uint64_t size;
	Elf64_Ehdr header;
	uint64_t n_sections, names; /* offset of the section that has the names of all */
};

struct sum {
	uint64_t max, read, unpacked;
	bool is_free; /* the user has named the bound: packed however well */
};

static bool read_at(const struct image *image, uint64_t offset, void *buf, size_t len)
{
	if (offset > image->size || len > image->size - offset)
		return false;
	if (!image->bytes)
		return pread(image->fd, buf, len, (off_t)offset) == (ssize_t)len;
	memcpy(buf, image->bytes + offset, len);
	return true;
}

static bool section_at(const struct image *image, uint64_t i, Elf64_Shdr *ret)
{
	return read_at(image, image->header.e_shoff + i * sizeof(*ret), ret, sizeof(*ret));
}

/* Numbers that do not fit into the header are in section 0 (gABI, "ELF Header"). */
static int read_numbers(struct image *image)
{
	const Elf64_Ehdr *header = &image->header;
	Elf64_Shdr first = { 0 }, names;
	uint64_t names_index = header->e_shstrndx;

	if (!header->e_shoff || header->e_shoff >= image->size)
		return 0; /* no sections: libelf sees none either */
	if (header->e_shentsize != sizeof(first) || !section_at(image, 0, &first))
		return err_set(-EBADMSG, "its section headers are damaged");
	image->n_sections = header->e_shnum ? header->e_shnum : first.sh_size;
	if (names_index == SHN_XINDEX)
		names_index = first.sh_link;
	if (image->n_sections > SECTIONS_MAX)
		return err_set(-EBADMSG, "it says that it has %llu sections", (unsigned long long)image->n_sections);
	if (names_index < image->n_sections && section_at(image, names_index, &names)) {
		if (names.sh_flags & SHF_COMPRESSED)
			return err_set(-EBADMSG, "the names of its sections are compressed");
		image->names = names.sh_offset;
	}
	return 0;
}

static int check_notes(const struct image *image)
{
	const Elf64_Ehdr *header = &image->header;

	if (header->e_phnum == PN_XNUM)
		return err_set(-EBADMSG, "it has more program headers than a program needs");
	for (unsigned i = 0; i < header->e_phnum; i++) {
		Elf64_Phdr phdr;

		if (read_at(image, header->e_phoff + i * sizeof(phdr), &phdr, sizeof(phdr)) && phdr.p_type == PT_NOTE &&
		    phdr.p_filesz > NOTES_MAX)
			return err_set(-EBADMSG, "it has %llu bytes of notes", (unsigned long long)phdr.p_filesz);
	}
	return 0;
}

/* Without program headers libdw searches the build-id in these. */
static int check_note_sections(const struct image *image)
{
	Elf64_Shdr section;

	for (uint64_t i = 0; i < image->n_sections && section_at(image, i, &section); i++)
		if (section.sh_type == SHT_NOTE && section.sh_size > NOTES_MAX)
			return err_set(-EBADMSG, "it has %llu bytes of notes", (unsigned long long)section.sh_size);
	return 0;
}

static int open_image(struct image *image)
{
	const Elf64_Ehdr *header = &image->header;

	if (!read_at(image, 0, &image->header, sizeof(image->header)) || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
		return err_set(-EBADMSG, "it is not an ELF file");
	if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB)
		return err_set(-EBADMSG, "it is not a file of a 64-bit x86 program");
	int r = check_notes(image);

	if (r == 0)
		r = read_numbers(image);
	return r < 0 ? r : check_note_sections(image);
}

static int open_fd(int fd, struct image *image)
{
	struct stat st;

	*image = (struct image){ .fd = fd };
	if (fstat(fd, &st) < 0)
		return err_set(-errno, "it cannot be read: %s", strerror(errno));
	image->size = (uint64_t)st.st_size;
	return open_image(image);
}

int bounds_check_headers(int fd)
{
	struct image image;

	return open_fd(fd, &image);
}

static void name_of(const struct image *image, const Elf64_Shdr *section, char name[32])
{
	memset(name, 0, 32);
	for (unsigned i = 0; i < 31; i++)
		if (!read_at(image, image->names + section->sh_name + i, &name[i], 1) || !name[i])
			break;
}

static int add(uint64_t *sum, uint64_t bytes, const struct sum *bounds, const char *const verb[2], const char *name)
{
	*sum = bytes > UINT64_MAX - *sum ? UINT64_MAX : *sum + bytes;
	if (*sum <= bounds->max)
		return 0;
	if (bytes > bounds->max)
		return err_set(-EFBIG, "its section %s %s %llu MiB", name, verb[0], (unsigned long long)(bytes / MIB));
	return err_set(-EFBIG, "its sections %s %llu MiB or more", verb[1], (unsigned long long)(*sum / MIB));
}

static int add_unpacked(struct sum *sum, uint64_t bytes, const Elf64_Shdr *section, const char *name)
{
	uint64_t ratio = section->sh_size ? bytes / section->sh_size : bytes;

	if (!sum->is_free && ratio > RATIO_MAX && bytes > RATIO_FREE_MIB * MIB)
		return err_set(-EFBIG, "its section %s unpacks to %llu MiB, %llu times its size", name,
			       (unsigned long long)(bytes / MIB), (unsigned long long)ratio);
	return add(&sum->unpacked, bytes, sum, unpack, name);
}

/* What libelf would make of a section: 0 if it is not compressed. */
static uint64_t unpacked_size(const struct image *image, const Elf64_Shdr *section)
{
	struct {
		char magic[4];
		uint64_t size_be;
	} __attribute__((packed)) old;
	Elf64_Chdr header;

	if (section->sh_flags & SHF_COMPRESSED)
		return read_at(image, section->sh_offset, &header, sizeof(header)) ? header.ch_size : 0;
	if (section->sh_flags & SHF_ALLOC || section->sh_size < sizeof(old) ||
	    !read_at(image, section->sh_offset, &old, sizeof(old)) || memcmp(old.magic, "ZLIB", 4) != 0)
		return 0;
	return be64toh(old.size_be);
}

static int add_sections(const struct image *image, struct sum *sum, bool is_mini);

/* As libdwfl does it (libdwfl/lzma.c, find_aux_sym), but with an end. */
static int unpack_mini(const unsigned char *in, size_t size, unsigned char *out, size_t room, size_t *ret)
{
	lzma_stream stream = LZMA_STREAM_INIT;
	lzma_ret r = lzma_auto_decoder(&stream, MINI_MEMORY_MIB * MIB, 0);

	stream.next_in = in;
	stream.avail_in = size;
	stream.next_out = out;
	stream.avail_out = room;
	while (r == LZMA_OK && stream.avail_out)
		r = lzma_code(&stream, LZMA_FINISH);
	*ret = room - stream.avail_out;
	lzma_end(&stream);
	if (r == LZMA_MEMLIMIT_ERROR || !stream.avail_out)
		return err_set(-EFBIG, "its section .gnu_debugdata unpacks to more than %d MiB", MINI_MAX_MIB);
	return 0; /* damaged, or not one: libdwfl sees that as well */
}

static int add_mini(const struct image *image, const Elf64_Shdr *section, struct sum *sum)
{
	size_t room = MINI_MAX_MIB * MIB;

	if (section->sh_size > room)
		return err_set(-EFBIG, "its section .gnu_debugdata has %llu MiB", (unsigned long long)(section->sh_size / MIB));
	unsigned char *in = malloc(section->sh_size + 1), *out = malloc(room);
	struct image mini = { .fd = -1, .bytes = out };
	int r = in && out ? 0 : err_set(-ENOMEM, "out of memory");

	if (r == 0 && read_at(image, section->sh_offset, in, section->sh_size))
		r = unpack_mini(in, section->sh_size, out, room, &mini.size);
	if (r == 0)
		r = add(&sum->unpacked, mini.size, sum, unpack, ".gnu_debugdata");
	if (r == 0 && mini.size && open_image(&mini) == 0)
		r = add_sections(&mini, sum, true);
	free(out);
	free(in);
	return r;
}

static int add_section(const struct image *image, const Elf64_Shdr *section, struct sum *sum, bool is_mini)
{
	char name[32];

	/* libelf gives nobody a section that is not in the file. */
	if (section->sh_type == SHT_NOBITS || section->sh_type == SHT_NULL || section->sh_offset > image->size ||
	    section->sh_size > image->size - section->sh_offset)
		return 0;
	name_of(image, section, name);
	int r = add(&sum->read, section->sh_size, sum, have, name);
	uint64_t unpacked = r < 0 ? 0 : unpacked_size(image, section);

	if (unpacked)
		r = add_unpacked(sum, unpacked, section, name);
	if (r == 0 && !is_mini && !strcmp(name, ".gnu_debugdata"))
		r = add_mini(image, section, sum);
	return r;
}

static int add_sections(const struct image *image, struct sum *sum, bool is_mini)
{
	int r = 0;

	for (uint64_t i = 0; i < image->n_sections && r == 0; i++) {
		Elf64_Shdr section;

		if (!section_at(image, i, &section))
			break;
		r = add_section(image, &section, sum, is_mini);
	}
	return r;
}

int bounds_take(int fd, uint64_t max_mib, uint64_t *taken)
{
	struct image image;
	struct sum sum = { .max = (max_mib ? max_mib : BOUNDS_DEFAULT_MIB) * MIB, .is_free = max_mib != 0 };
	int r = open_fd(fd, &image);

	if (r == 0)
		r = add_sections(&image, &sum, false);
	if (r < 0)
		return r;
	uint64_t of_all = atomic_fetch_add(&taken_of_all, sum.unpacked) + sum.unpacked;

	if (of_all > sum.max) {
		atomic_fetch_sub(&taken_of_all, sum.unpacked);
		return err_set(-EFBIG, "with it what is unpacked of all files would be %llu MiB",
			       (unsigned long long)(of_all / MIB));
	}
	*taken += sum.unpacked;
	return 0;
}

void bounds_give_back(uint64_t taken)
{
	atomic_fetch_sub(&taken_of_all, taken);
}
