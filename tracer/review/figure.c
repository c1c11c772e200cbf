#include "tracer/review/figure.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>

#include "tracer/review/show.h"

enum { WHOLE_DIGITS = 20 }; /* long double holds whole numbers of 64 bits exactly */

static bool is_whole(long double value)
{
	return fabsl(value) < 0x1p64L && value == truncl(value);
}

static const char *bytes(char buf[static FIGURE_MAX], long double value)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	size_t unit = 0;

	while (fabsl(value) >= 1023.5L && unit + 1 < sizeof(units) / sizeof(*units)) {
		value /= 1024;
		unit++;
	}
	int digits = !unit || fabsl(value) >= 99.95L ? 0 : 1;

	snprintf(buf, FIGURE_MAX, "%.*Lf %s", digits, value, units[unit]);
	return buf;
}

/* Times are never negative, but what they differ by may be. */
static const char *span(char buf[static FIGURE_MAX], long double value)
{
	char text[SHOW_DURATION_MAX];
	long double size = fabsl(value);

	show_duration(text, size < 0x1p64L ? (uint64_t)(size + 0.5L) : UINT64_MAX);
	snprintf(buf, FIGURE_MAX, "%s%s", value < 0 ? "-" : "", text);
	return buf;
}

const char *figure(char buf[static FIGURE_MAX], long double value, enum figure_unit unit, bool exact)
{
	if (!exact && isfinite(value) && unit == FIGURE_BYTES)
		return bytes(buf, value);
	if (!exact && isfinite(value) && unit == FIGURE_NS)
		return span(buf, value);
	snprintf(buf, FIGURE_MAX, "%.*Lg", is_whole(value) ? WHOLE_DIGITS : exact ? 15 : 4, value);
	return buf;
}

const char *figure_change(char buf[static FIGURE_MAX], long double from, long double to)
{
	*buf = '\0';
	if (from > 0)
		snprintf(buf, FIGURE_MAX, "%+.0Lf %%", (to - from) * 100 / from);
	return buf;
}

const char *figure_suffix(enum figure_unit unit, bool exact)
{
	return !exact || unit == FIGURE_PLAIN ? "" : unit == FIGURE_NS ? "_NS" : "_BYTES";
}
