/* The encoding of values, byte by byte as schema.h has it, from a fake frame: an array at MEM, where the last byte ends a page. */
#include "symbols/frame.h"
#include "symbols/plan.h"
#include "symbols/type.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MEM = 0x10000, MEM_SIZE = 256 };

struct fake {
	uint8_t mem[MEM_SIZE];
	unsigned n_reads;
	uint64_t code[4];
	unsigned n_code;
};

static size_t read_mem(void *ctx, uint64_t addr, void *buf, size_t len)
{
	struct fake *fake = ctx;
	size_t left = addr >= MEM && addr < MEM + MEM_SIZE ? MEM + MEM_SIZE - addr : 0;

	fake->n_reads++;
	if (len > left)
		len = left;
	memcpy(buf, fake->mem + (addr - MEM), len);
	return len;
}

static int read_reg(void *ctx, unsigned reg, void *buf, size_t len)
{
	(void)ctx;
	(void)reg;
	(void)buf;
	(void)len;
	return -ENODATA;
}

static void saw_code(void *ctx, uint64_t addr)
{
	struct fake *fake = ctx;

	fake->code[fake->n_code++] = addr;
}

static const struct frame_ops ops = { read_mem, read_reg, saw_code };
static const struct limits limits = { .string = 8, .array = 200, .object = 64, .depth = 1 };
static const struct type any_type = { .kind = TYPE_STRUCT, .size = 64 };
static const struct type func_type = { .kind = TYPE_FUNC };

static struct fake fake;

static const char *fetch(const struct schema *target, struct value *value)
{
	static char hex[1024];
	uint8_t data[256];
	struct payload payload = { data, 0, sizeof(data) };
	struct schema capture = { .kind = SCHEMA_CAPTURE, .target = target };
	struct frame frame = { &ops, &fake, 0 };
	char *p = hex;

	fake.n_reads = 0;
	if (!value->type)
		value->type = &any_type;
	fetch_value(&capture, value, &frame, &limits, &payload);
	for (size_t i = 0; i < payload.len; i++)
		p += sprintf(p, "%02x", data[i]);
	*p = '\0';
	return hex;
}

/* `bytes` at MEM, fetched from there. */
static const char *fetch_memory(const struct schema *target, const void *bytes, size_t len)
{
	struct value value = { .in_memory = true, .addr = MEM };

	memset(fake.mem, 0xee, sizeof(fake.mem));
	memcpy(fake.mem, bytes, len);
	return fetch(target, &value);
}

#define MEMORY(target, bytes) fetch_memory(&(target), bytes, sizeof(bytes) - 1)

static const struct schema u8 = { .kind = SCHEMA_INT, .size = 1 }, u16 = { .kind = SCHEMA_INT, .size = 2 };
static const struct schema s64 = { .kind = SCHEMA_INT, .size = 8, .is_signed = true };
static const struct schema boolean = { .kind = SCHEMA_BOOL, .size = 1 };
static const struct schema ld = { .kind = SCHEMA_BYTES, .size = 16, .is_float = true };
static const struct schema i128 = { .kind = SCHEMA_BYTES, .size = 16, .is_signed = true };
static const struct schema ptr = { .kind = SCHEMA_PTR, .size = 8 };
static const struct schema ptr_u16 = { .kind = SCHEMA_PTR, .size = 8, .target = &u16 };
static const struct schema func = { .kind = SCHEMA_FUNC, .size = 8 };
static const struct schema string = { .kind = SCHEMA_STRING, .size = 8 };
static const struct schema text6 = { .kind = SCHEMA_TEXT, .size = 6, .count = 6, .stored = 6 };
static const struct schema text_cut = { .kind = SCHEMA_TEXT, .size = 100, .count = 100, .stored = 4 };

static void scalars(void **state)
{
	(void)state;
	assert_string_equal(MEMORY(u8, "\x7f"), "007f");
	assert_string_equal(MEMORY(u16, "\x34\x12"), "003412");
	assert_string_equal(MEMORY(s64, "\xff\xff\xff\xff\xff\xff\xff\xff"), "00ffffffffffffffff");
	assert_string_equal(MEMORY(boolean, "\x01"), "0001");
	assert_string_equal(MEMORY(boolean, "\x05"), "0005");
	assert_string_equal(MEMORY(i128, "0123456789abcdef"), "0030313233343536373839616263646566");
	/* six bytes of a long double are padding */
	assert_string_equal(MEMORY(ld, "0123456789abcdef"), "0030313233343536373839000000000000");
	assert_string_equal(MEMORY(ptr, "\x08\x07\x06\x05\x04\x03\x02\x01"), "000807060504030201");
}

static void values_outside_of_memory(void **state)
{
	struct value value = { .len = 2, .bytes = "\x34\x12" };

	(void)state;
	assert_string_equal(fetch(&u16, &value), "003412");
	assert_int_equal(fake.n_reads, 0);
	value = (struct value){ .status = STATUS_NULL };
	assert_string_equal(fetch(&u16, &value), "02");
	value = (struct value){ .status = STATUS_UNREADABLE, .addr = 0x1234 };
	assert_string_equal(fetch(&u16, &value), "033412000000000000");
	value = (struct value){ .status = STATUS_OPTIMIZED_OUT };
	assert_string_equal(fetch(&u16, &value), "04");
	value = (struct value){ .in_memory = true, .addr = 0x99 };
	assert_string_equal(fetch(&u16, &value), "039900000000000000");
	value = (struct value){ .in_memory = true, .addr = MEM + MEM_SIZE - 1 };
	assert_string_equal(fetch(&u16, &value), "030001010000000000");
}

static void bit_fields(void **state)
{
	static const struct {
		uint32_t size;
		bool is_signed;
		unsigned offset, bits;
	} cases[] = {
		{ 4, false, 0, 3 },
		{ 4, true, 0, 3 },
		{ 4, false, 4, 8 },
		{ 4, true, 4, 8 },
		{ 8, false, 1, 63 },
		{ 8, true, 7, 64 },
		{ 1, false, 7, 1 },
		{ 4, false, 3, 32 },
	};
	static const char bytes[] = "\xbd\xb5\xde\xbc\xef\xef\xff\x8f\xc0";

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct schema schema = { .kind = SCHEMA_INT, .size = cases[i].size, .is_signed = cases[i].is_signed };
		struct value value = { .in_memory = true, .addr = MEM };
		unsigned __int128 all = 0, want;
		char wanted[64] = "00";

		/* the same by arithmetic */
		memcpy(&all, bytes, 9);
		want = (all >> cases[i].offset) & (((unsigned __int128)1 << cases[i].bits) - 1);
		if (cases[i].is_signed && want >> (cases[i].bits - 1))
			want |= ~(unsigned __int128)0 << cases[i].bits;
		for (unsigned j = 0; j < cases[i].size; j++)
			sprintf(wanted + 2 + 2 * j, "%02x", (unsigned)(want >> 8 * j & 0xff));
		memcpy(fake.mem, bytes, sizeof(bytes));
		value.bit_offset = cases[i].offset;
		value.bit_size = cases[i].bits;
		assert_string_equal(fetch(&schema, &value), wanted);
		/* and as a member */
		schema.offset = 2;
		schema.bit_offset = (uint16_t)cases[i].offset;
		schema.bit_size = (uint16_t)cases[i].bits;
		const struct schema *members[] = { &schema };
		struct schema object = { .kind = SCHEMA_STRUCT, .size = 16, .members = members, .n_members = 1 };

		memcpy(fake.mem + 2, bytes, sizeof(bytes));
		value = (struct value){ .in_memory = true, .addr = MEM };
		assert_string_equal(fetch(&object, &value), wanted);
	}
}

/* A pointer to the text, which stands 16 bytes behind it. */
static const char *fetch_string(const char *text, size_t len)
{
	struct value value = { .in_memory = true, .addr = MEM };
	uint64_t addr = MEM + 16;

	memset(fake.mem, 'x', sizeof(fake.mem));
	memcpy(fake.mem, &addr, sizeof(addr));
	memcpy(fake.mem + 16, text, len);
	return fetch(&string, &value) + 2 + 16; /* without capture's status and the address */
}

#define STRING(text) fetch_string(text, sizeof(text))

static void strings(void **state)
{
	(void)state;
	assert_string_equal(STRING(""), "0000000000");
	assert_string_equal(STRING("abc"), "0003000000616263");
	assert_int_equal(fake.n_reads, 2);
	assert_string_equal(STRING("12345678"), "00080000003132333435363738");
	assert_string_equal(STRING("123456789"), "01080000003132333435363738");
	assert_string_equal(STRING("a\nb\x1b"), "0004000000610a621b");
	/* UTF-8 */
	assert_string_equal(STRING("\xc3\xa4"), "0002000000c3a4");
	assert_string_equal(STRING("\xe2\x82\xac"), "0003000000e282ac");
	assert_string_equal(STRING("\xf0\x9f\x98\x80"), "0004000000f09f9880");
	/* not UTF-8: a lone byte, overlong, a surrogate, beyond Unicode, cut by the text's own end */
	assert_string_equal(STRING("a\xff"), "050200000061ff");
	assert_string_equal(STRING("\xc0\x80"), "0502000000c080");
	assert_string_equal(STRING("\xed\xa0\x80"), "0503000000eda080");
	assert_string_equal(STRING("\xf4\x90\x80\x80"), "0504000000f4908080");
	assert_string_equal(STRING("ab\xe2\x82"), "05040000006162e282");
	/* the limit is within a character: it is left out */
	assert_string_equal(STRING("1234567\xc3\xa4 and more"), "010700000031323334353637");
	assert_string_equal(STRING("123456\xe2\x82\xac and more"), "0106000000313233343536");
	assert_string_equal(STRING("1234567\x80 and more"), "06080000003132333435363780");
	assert_string_equal(STRING("\xff""12345678"), "0608000000ff31323334353637");
	assert_string_equal(STRING("12345\xe2\x82\xac and more"), "01080000003132333435e282ac");
}

static void strings_that_are_not_there(void **state)
{
	(void)state;
	assert_string_equal(MEMORY(string, "\0\0\0\0\0\0\0\0"), "00000000000000000002");
	assert_int_equal(fake.n_reads, 1);
	assert_string_equal(MEMORY(string, "\x05\0\0\0\0\0\0\0"), "000500000000000000030500000000000000");
	/* the text goes on where memory ends: that is what is wrong with it */
	assert_string_equal(MEMORY(string, "\xfe\x00\x01\0\0\0\0\0"), "00fe00010000000000030001010000000000");
}

static void string_that_ends_where_memory_does(void **state)
{
	struct value value = { .in_memory = true, .addr = MEM };
	uint64_t addr = MEM + MEM_SIZE - 3;

	(void)state;
	memcpy(fake.mem, &addr, sizeof(addr));
	memcpy(fake.mem + MEM_SIZE - 3, "ok", 3);
	assert_string_equal(fetch(&string, &value), "00fd0001000000000000" "020000006f6b");
}

/* A text of `len` bytes in a memory of its own, where nothing can be read behind it. */
struct long_text {
	size_t len;
	char fill;
};

static size_t read_long(void *ctx, uint64_t addr, void *buf, size_t len)
{
	const struct long_text *text = ctx;
	uint64_t at = addr - MEM;
	size_t n = at < text->len ? text->len - at : 0;

	memset(buf, text->fill, n < len ? n : len);
	if (n < len && at <= text->len)
		((char *)buf)[n++] = '\0';
	return n < len ? n : len;
}

static void long_strings_are_read_in_pieces(void **state)
{
	static const struct frame_ops long_ops = { read_long, read_reg, saw_code };
	static const struct {
		size_t len;
		char fill;
		int status;
		uint32_t kept;
	} cases[] = {
		{ 16 * 1024 - 1, 'x', STATUS_OK, 16 * 1024 - 1 },
		{ 16 * 1024, 'x', STATUS_OK, 16 * 1024 },
		{ 100000, 'x', STATUS_OK, 100000 },
		{ STRING_LIMIT_MAX, 'x', STATUS_OK, STRING_LIMIT_MAX },
		{ STRING_LIMIT_MAX + 1, 'x', STATUS_CUT, STRING_LIMIT_MAX },
		{ UINT16_MAX, '\xff', STATUS_BYTES, UINT16_MAX },
		{ UINT16_MAX + 1, '\xff', STATUS_BYTES_CUT, UINT16_MAX },
	};
	struct limits long_limits = { .string = STRING_LIMIT_MAX, .object = 64 };
	size_t cap = schema_max_size(&string, STRING_LIMIT_MAX) + 1;
	struct payload payload = { malloc(cap), 0, cap };
	struct schema capture = { .kind = SCHEMA_CAPTURE, .target = &string };
	struct value value = { .type = &any_type, .len = 8 };
	uint64_t addr = MEM;
	uint32_t kept;

	(void)state;
	memcpy(value.bytes, &addr, sizeof(addr));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct long_text text = { cases[i].len, cases[i].fill };
		struct frame frame = { &long_ops, &text, 0 };

		payload.len = 0;
		fetch_value(&capture, &value, &frame, &long_limits, &payload);
		assert_int_equal(payload.data[9], cases[i].status);
		memcpy(&kept, payload.data + 10, sizeof(kept));
		assert_int_equal(kept, cases[i].kept);
		assert_int_equal(payload.len, 14 + kept);
		for (uint32_t k = 0; k < kept; k++)
			assert_true((char)payload.data[14 + k] == cases[i].fill);
	}
	free(payload.data);
}

static void inline_text(void **state)
{
	(void)state;
	assert_string_equal(MEMORY(text6, "abc\0\0\0"), "0000" "03000000" "616263");
	assert_string_equal(MEMORY(text6, "abcdef"), "0000" "06000000" "616263646566");
	assert_string_equal(MEMORY(text6, "\0\0\0\0\0\0"), "0000" "00000000");
	assert_string_equal(MEMORY(text6, "ab\0cd\0"), "0005" "05000000" "6162006364");
	assert_string_equal(MEMORY(text6, "ab\xff\0\0\0"), "0005" "03000000" "6162ff");
	assert_string_equal(MEMORY(text_cut, "abcdefgh"), "0001" "04000000" "61626364");
	assert_string_equal(MEMORY(text_cut, "ab\0\0efgh"), "0000" "02000000" "6162");
	assert_string_equal(MEMORY(text_cut, "abc\xc3\xa4"), "0001" "03000000" "616263");
	assert_string_equal(MEMORY(text_cut, "a\xff""cdef"), "0006" "04000000" "61ff6364");
}

static void code_addresses_are_told(void **state)
{
	struct value value = { .type = &func_type, .in_memory = true, .addr = 0x4010 };

	(void)state;
	fake.n_code = 0;
	assert_string_equal(MEMORY(func, "\x10\x40\0\0\0\0\0\0"), "001040000000000000");
	assert_string_equal(MEMORY(func, "\0\0\0\0\0\0\0\0"), "000000000000000000");
	assert_int_equal(fake.n_code, 1);
	assert_int_equal(fake.code[0], 0x4010);
	/* a function itself is its address */
	assert_string_equal(fetch(&func, &value), "001040000000000000");
	assert_int_equal(fake.n_reads, 0);
}

static void followed_pointers(void **state)
{
	(void)state;
	assert_string_equal(MEMORY(ptr_u16, "\x20\x00\x01\0\0\0\0\0"), "002000010000000000" "00eeee");
	assert_string_equal(MEMORY(ptr_u16, "\0\0\0\0\0\0\0\0"), "000000000000000000" "02");
	assert_string_equal(MEMORY(ptr_u16, "\xff\x00\x01\0\0\0\0\0"), "00ff00010000000000" "030001010000000000");
}

static void structs_without_padding(void **state)
{
	struct schema a = { .kind = SCHEMA_CHAR, .name = "a", .size = 1 };
	struct schema b = { .kind = SCHEMA_INT, .name = "b", .size = 4, .offset = 4 };
	struct schema name = text6;
	const struct schema *members[] = { &a, &b, &name };
	struct schema object = { .kind = SCHEMA_STRUCT, .size = 16, .members = members, .n_members = 3 };

	(void)state;
	name.offset = 8;
	assert_string_equal(MEMORY(object, "A***\x01\x02\x03\x04" "text\0\0**"), "00" "41" "01020304" "000400000074657874");
	assert_int_equal(fake.n_reads, 1);
	object.kind = SCHEMA_UNION;
	b.offset = 0;
	name.offset = 0;
	assert_string_equal(MEMORY(object, "text\0\0**********"), "00" "74" "74657874" "000400000074657874");
	object.is_cut = true;
	assert_string_equal(MEMORY(object, "text\0\0**********"), "01" "74" "74657874" "000400000074657874");
}

static void arrays(void **state)
{
	struct schema array = { .kind = SCHEMA_ARRAY, .count = 3, .stored = 3, .target = &u16, .stride = 4 };
	struct schema texts = { .kind = SCHEMA_ARRAY, .count = 2, .stored = 2, .target = &text6, .stride = 6 };
	struct schema rows = { .kind = SCHEMA_ARRAY, .count = 9, .stored = 2, .target = &array, .stride = 12, .is_cut = true };

	(void)state;
	assert_string_equal(MEMORY(array, "\x01\x02**\x03\x04**\x05\x06**"), "00010203040506");
	assert_string_equal(MEMORY(texts, "one\0\0\0two\0\0\0"), "00" "00030000006f6e65" "000300000074776f");
	assert_string_equal(MEMORY(rows, "\x01\x02**\x03\x04**\x05\x06**\x07\x08**\x09\x0a**\x0b\x0c**"),
			    "01" "0102030405060708090a0b0c");
	assert_int_equal(fake.n_reads, 1);
}

/* What is behind the part that the limits leave need not be readable. */
static void cut_objects_are_read_as_far_as_they_are_shown(void **state)
{
	struct schema array = { .kind = SCHEMA_ARRAY, .count = 1000, .stored = 2, .target = &u16, .stride = 2, .size = 2000,
				.is_cut = true };
	const struct schema *members[] = { &u8 };
	struct schema object = { .kind = SCHEMA_STRUCT, .size = 4000, .members = members, .n_members = 1, .is_cut = true };
	struct value value = { .in_memory = true, .addr = MEM + MEM_SIZE - 4 };

	(void)state;
	memcpy(fake.mem + MEM_SIZE - 4, "\x01\x02\x03\x04", 4);
	assert_string_equal(fetch(&array, &value), "0101020304");
	value.addr = MEM + MEM_SIZE - 64;
	fake.mem[MEM_SIZE - 64] = 0x77;
	assert_string_equal(fetch(&object, &value), "0177");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scalars),
		cmocka_unit_test(values_outside_of_memory),
		cmocka_unit_test(bit_fields),
		cmocka_unit_test(strings),
		cmocka_unit_test(strings_that_are_not_there),
		cmocka_unit_test(long_strings_are_read_in_pieces),
		cmocka_unit_test(string_that_ends_where_memory_does),
		cmocka_unit_test(inline_text),
		cmocka_unit_test(code_addresses_are_told),
		cmocka_unit_test(followed_pointers),
		cmocka_unit_test(structs_without_padding),
		cmocka_unit_test(arrays),
		cmocka_unit_test(cut_objects_are_read_as_far_as_they_are_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
