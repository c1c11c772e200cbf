/* Where the System V ABI puts values: by table, for the functions of calls.c (test_loc.c runs them). */
#include "tests/unit/symbols/live.h"

#include "symbols/abi_x86_64.h"
#include "symbols/type.h"

static const char *const reg_names[] = {
	"rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rip",
	"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",
	"xmm14", "xmm15", "st0", "st1",
};

static void print_place(FILE *out, const struct abi_place *place, bool is_return)
{
	switch (place->kind) {
	case ABI_UNKNOWN: fprintf(out, "?"); break;
	case ABI_EMPTY: fprintf(out, "none"); break;
	case ABI_MEMORY:
		if (is_return)
			fprintf(out, "*rax");
		else
			fprintf(out, "@%d", (int)place->offset);
		break;
	case ABI_REGS:
		for (unsigned i = 0; i < place->n_parts; i++)
			fprintf(out, "%s%s:%u", i ? "+" : "", reg_names[place->parts[i].reg], place->parts[i].len);
		break;
	}
}

static void print_function(const struct function *function, bool is_gcc, char *text, size_t size)
{
	FILE *out = fmemopen(text, size, "w");
	const struct type *types[20];
	struct abi_place places[20], ret = abi_return(function->return_type);

	for (size_t i = 0; i < function->n_params; i++)
		types[i] = function->params[i].type;
	abi_params(function->return_type, types, function->n_params, is_gcc, places);
	for (size_t i = 0; i < function->n_params; i++) {
		print_place(out, &places[i], false);
		fprintf(out, " ");
	}
	fprintf(out, "-> ");
	print_place(out, &ret, true);
	fclose(out);
}

static const struct {
	const char *function, *places;
} cases[] = {
	{ "t_ints", "rdi:4 rsi:4 rdx:8 rcx:1 r8:2 r9:1 @0 @8 @16 @24 -> rax:4" },
	{ "t_small", "rdi:1 rsi:2 -> rax:1" },
	{ "t_reals", "xmm0:4 xmm1:8 rdi:4 xmm2:4 xmm3:8 xmm4:4 xmm5:8 xmm6:4 xmm7:8 @0 @8 -> xmm0:8" },
	{ "t_float", "xmm0:4 -> xmm0:4" },
	{ "t_long_double", "@0 rdi:4 @16 -> st0:16" },
	{ "t_int128", "rdi:8+rsi:8 rdx:4 rcx:8+r8:8 -> rax:8+rdx:8" },
	{ "t_int128_edge", "rdi:4 rsi:4 rdx:4 rcx:4 r8:4 @0 r9:4 @16 -> rax:4" },
	{ "t_pointers", "rdi:8 rsi:8 rdx:8 rcx:8 -> rax:8" },
	{ "t_one", "rdi:1 -> rax:1" },
	{ "t_pair", "rdi:4 rsi:8+rdx:8 rcx:8+r8:8 @0 -> rax:8+rdx:8" },
	{ "t_mixed", "rdi:8+xmm0:8 xmm1:8+rsi:8 -> rax:8+xmm0:8" },
	{ "t_dmixed", "xmm0:8+rdi:8 xmm1:8 -> xmm0:8+rax:8" },
	{ "t_floats", "xmm0:8+xmm1:8 xmm2:8+xmm3:4 -> xmm0:8+xmm1:8" },
	{ "t_three", "xmm0:8+xmm1:4 -> xmm0:8+xmm1:4" },
	{ "t_packed", "@0 rsi:4 -> *rax" },
	{ "t_odd", "rdi:3 rsi:8+rdx:3 -> rax:3" },
	{ "t_bits", "rdi:8 -> rax:8" },
	{ "t_big", "rsi:4 @0 rdx:4 -> *rax" },
	{ "t_nested", "rdi:8+rsi:8 -> rax:8+rdx:8" },
	{ "t_with_ld", "@0 rdi:8+rsi:8 -> st0:16" },
	{ "t_with_i128", "rdi:8+rsi:8 -> rax:8+rdx:8" },
	{ "t_aligned", "rdi:4 rsi:8+rdx:8 @0 rcx:4 r8:4 r9:4 @32 @40 @48 -> rax:8+rdx:8" },
	{ "t_array2", "rdi:8+rsi:8 -> rax:8+rdx:8" },
	{ "t_dbl", "xmm0:8 -> xmm0:8" },
	{ "t_padded", "rdi:8 -> rax:8" },
	{ "t_union", "rdi:4 rsi:8+rdx:8 @0 -> rax:4" },
	{ "t_union_dl", "rdi:8+rsi:8 -> rax:8+rdx:8" },
	{ "t_holes", "@0 -> *rax" },
	{ "t_cfloat", "xmm0:8 -> xmm0:8" },
	{ "t_cdouble", "xmm0:8+xmm1:8 xmm2:8 -> xmm0:8+xmm1:8" },
	{ "t_cldouble", "rdi:4 @0 -> st0:16+st1:16" },
	{ "t_vector", "rdi:4 xmm0:16 xmm1:4 -> xmm0:16" },
	{ "t_vec", "xmm0:16 xmm1:4 -> xmm0:16" },
	{ "t_bool", "rdi:1 -> rax:1" },
	{ "t_enum", "rdi:4 -> rax:4" },
	{ "t_void", "rdi:4 -> none" },
	{ "t_many", "rdi:4 rsi:4 rdx:4 rcx:4 r8:4 r9:4 @0 @8 @16 @24 @40 xmm0:8 -> rax:4" },
	{ "t_variadic", "rdi:4 rsi:8 -> rax:4" },
	{ "t_across", "rdi:4 rsi:4 rdx:8 -> rax:4" },
};

static void places(void **state)
{
	struct live live;
	char text[512];

	(void)state;
	live_open("gcc -O0 -g", "calls.c", &live);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_function(live_function(&live, cases[i].function), true, text, sizeof(text));
		if (strcmp(text, cases[i].places))
			fail_msg("%s: %s", cases[i].function, text);
	}
	/* what compilers disagree about is known of GCC only, and so is all that comes after it */
	print_function(live_function(&live, "t_int128_edge"), false, text, sizeof(text));
	assert_string_equal(text, "rdi:4 rsi:4 rdx:4 rcx:4 r8:4 ? ? ? -> rax:4");
	live_close(&live);
}

/* System V ABI AMD64, figure 3.4: "preserved across function calls". */
static void preserved_registers(void **state)
{
	static const char *const preserved[] = { "rbx", "rsp", "rbp", "r12", "r13", "r14", "r15", "rip" };

	(void)state;
	for (unsigned reg = 0; reg < sizeof(reg_names) / sizeof(reg_names[0]); reg++) {
		bool found = false;

		for (size_t i = 0; i < sizeof(preserved) / sizeof(preserved[0]); i++)
			found |= !strcmp(reg_names[reg], preserved[i]);
		assert_int_equal(abi_reg_is_scratch(reg), !found);
	}
}

static void registers_come_in_order(void **state)
{
	static const unsigned general[] = { DWARF_RDI, DWARF_RSI, DWARF_RDX, DWARF_RCX, DWARF_R8, DWARF_R9 };

	(void)state;
	for (int i = 0; i < 6; i++)
		assert_int_equal(abi_param_index(general[i]), i);
	for (int i = 0; i < 8; i++)
		assert_int_equal(abi_param_index(DWARF_XMM0 + (unsigned)i), i);
	assert_int_equal(abi_param_index(DWARF_RAX), -1);
	assert_int_equal(abi_param_index(DWARF_R10), -1);
	assert_int_equal(abi_param_index(DWARF_RSP), -1);
	assert_int_equal(abi_param_index(DWARF_XMM0 + 8), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places),
		cmocka_unit_test(preserved_registers),
		cmocka_unit_test(registers_come_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
