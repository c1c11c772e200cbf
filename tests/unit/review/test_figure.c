/*
 * Numbers of tables. What printf says of the same number is the oracle for exact ones, and numfmt's rules (powers of
 * 1024, one digit) for sizes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tracer/review/figure.h"

static const struct {
	long double value;
	enum figure_unit unit;
	const char *people, *exact;
} cases[] = {
	{ 0, FIGURE_PLAIN, "0", "0" },
	{ 1207, FIGURE_PLAIN, "1207", "1207" },
	{ -5, FIGURE_PLAIN, "-5", "-5" },
	{ 18446744073709551615.0L, FIGURE_PLAIN, "18446744073709551615", "18446744073709551615" },
	{ -9223372036854775808.0L, FIGURE_PLAIN, "-9223372036854775808", "-9223372036854775808" },
	{ 1.0L / 3, FIGURE_PLAIN, "0.3333", "0.333333333333333" },
	{ 100.25L, FIGURE_PLAIN, "100.2", "100.25" },
	{ 0x1p70L, FIGURE_PLAIN, "1.181e+21", "1.18059162071741e+21" },
	{ 0, FIGURE_BYTES, "0 B", "0" },
	{ 1023, FIGURE_BYTES, "1023 B", "1023" },
	{ 1024, FIGURE_BYTES, "1.0 KiB", "1024" },
	{ 7623480832, FIGURE_BYTES, "7.1 GiB", "7623480832" },
	{ 1073741823, FIGURE_BYTES, "1.0 GiB", "1073741823" },
	{ 18446744073709551615.0L, FIGURE_BYTES, "16.0 EiB", "18446744073709551615" },
	{ -4096, FIGURE_BYTES, "-4.0 KiB", "-4096" },
	{ 104857600, FIGURE_BYTES, "100 MiB", "104857600" },
	{ 0, FIGURE_NS, "0 ns", "0" },
	{ 31200000, FIGURE_NS, "31.2 ms", "31200000" },
	{ 1500.5L, FIGURE_NS, "1.50 us", "1500.5" },
	{ -31200000, FIGURE_NS, "-31.2 ms", "-31200000" },
	{ 0x1p80L, FIGURE_NS, "18446744074 s", "1.20892581961463e+24" },
	{ __builtin_infl(), FIGURE_NS, "inf", "inf" },
	{ __builtin_infl(), FIGURE_BYTES, "inf", "inf" },
};

static void figures(void **state)
{
	char buf[FIGURE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_string_equal(figure(buf, cases[i].value, cases[i].unit, false),
				    cases[i].people);
		assert_string_equal(figure(buf, cases[i].value, cases[i].unit, true),
				    cases[i].exact);
	}
}

/* All whole numbers of 64 bits are exact. */
static void whole_numbers(void **state)
{
	char buf[FIGURE_MAX], expected[FIGURE_MAX];
	uint64_t value = 1;

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		value = value * 6364136223846793005 + 1442695040888963407;
		snprintf(expected, sizeof(expected), "%llu", (unsigned long long)value);
		assert_string_equal(figure(buf, value, FIGURE_PLAIN, true), expected);
	}
}

static void changes(void **state)
{
	char buf[FIGURE_MAX];

	(void)state;
	assert_string_equal(figure_change(buf, 100, 124), "+24 %");
	assert_string_equal(figure_change(buf, 3, 2), "-33 %");
	assert_string_equal(figure_change(buf, 5, 5), "+0 %");
	assert_string_equal(figure_change(buf, 0, 5), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figures),
		cmocka_unit_test(whole_numbers),
		cmocka_unit_test(changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
