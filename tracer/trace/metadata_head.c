#include "tracer/trace/metadata_head.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

static const char env_begin[] =
	"/* CTF 1.8 */\n\nenv {\n\ttracer_name = \"virtrace\";\n\ttracer_version = \"";
static const char env_end[] = "\";\n};\n\n";

#define TEXT_VARIANT                                                                              \
	"variant <status> {\n"                                                                    \
	"\tstruct text ok; struct text cut; struct nothing null; struct unreadable unreadable;\n" \
	"\tstruct nothing optimized_out; struct bytes bytes; struct bytes bytes_cut;\n" \
	"\tstruct nothing bad;\n} value;"

static const char declarations[] =
	"typealias floating_point { exp_dig = 8; mant_dig = 24; align = 8; } := float32;\n"
	"typealias floating_point { exp_dig = 11; mant_dig = 53; align = 8; } := float64;\n"
	"typealias integer { size = 8; align = 8; signed = false; encoding = UTF8; }\n\t:= utf8_char;\n"
	"typealias integer { size = 64; align = 8; signed = false; map = clock.monotonic.value; }\n"
	"\t:= clock_ns;\n"
	"\n"
	"trace {\n"
	"\tmajor = 1;\n"
	"\tminor = 8;\n"
	"\tuuid = \"%s\";\n"
	"\tbyte_order = le;\n"
	"\tpacket.header := struct {\n"
	"\t\tuint32 magic;\n"
	"\t\tuint8 uuid[16];\n"
	"\t\tuint32 stream_id;\n"
	"\t\tuint64 stream_instance_id;\n"
	"\t};\n"
	"};\n"
	"\n"
	"stream {\n"
	"\tid = 0;\n"
	"\tpacket.context := struct {\n"
	"\t\tclock_ns timestamp_begin;\n"
	"\t\tuint64 content_size;\n"
	"\t\tuint64 packet_size;\n"
	"\t\tclock_ns timestamp_end;\n"
	"\t\tuint64 packet_seq_num;\n"
	"\t\tuint64 events_discarded;\n"
	"\t};\n"
	"\tevent.header := struct {\n"
	"\t\tuint16 id;\n"
	"\t\tclock_ns timestamp;\n"
	"\t};\n"
	"\tevent.context := struct {\n"
	"\t\tuint32 _tid;\n"
	"\t\tuint64 _call;\n"
	"\t\tuint64 _parent;\n"
	"\t\tuint16 _depth;\n"
	"\t};\n"
	"};\n"
	"\n"
	"/* text of valid UTF-8, and bytes that are not: of these there are fewer, as a reader keeps much for each */\n"
	"struct text { uint32 len; utf8_char chars[len]; };\n"
	"struct bytes { uint16 len; uint16 zero; hex8 items[len]; };\n"
	"struct nothing { };\n"
	"struct unreadable { hex64 address; };\n"
	"enum text_status : uint8 {\n"
	"\tok = 0, cut = 1, null = 2, unreadable = 3, optimized_out = 4, bytes = 5, bytes_cut = 6,\n"
	"\tbad = 7 ... 255\n"
	"};\n"
	"enum status : uint8 {\n"
	"\tok = 0, cut = 1, null = 2, unreadable = 3, optimized_out = 4, bad = 5 ... 255\n"
	"};\n"
	"enum nested_status : uint8 {\n"
	"\tok_or_cut = 0 ... 1, null = 2, unreadable = 3, optimized_out = 4, bad = 5 ... 255\n"
	"};\n"
	"struct inline_text { enum text_status status; " TEXT_VARIANT " };\n"
	"struct c_string { hex64 address; enum text_status status; " TEXT_VARIANT " };\n"
	"\n";

void metadata_print_head(FILE *out, const uint8_t u[16], int64_t offset_ns)
{
	int64_t s = offset_ns / 1000000000, ns = offset_ns % 1000000000;
	char uuid[37];

	if (ns < 0) {
		ns += 1000000000;
		s--;
	}
	snprintf(uuid, sizeof(uuid),
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1],
		 u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14],
		 u[15]);
	fprintf(out, "%s" VERSION "%s", env_begin, env_end);
	fprintf(out,
		"clock {\n\tname = monotonic;\n"
		"\tdescription = \"CLOCK_MONOTONIC of the traced host\";\n"
		"\tfreq = 1000000000;\n\toffset_s = %" PRId64 ";\n\toffset = %" PRId64 ";\n};\n\n",
		s, ns);
	for (int bits = 8; bits <= 64; bits += 8) {
		static const char alias[] =
			"typealias integer { size = %d; align = 8; signed = %s; base = %d; }\n\t:= %s%d;\n";

		fprintf(out, alias, bits, "false", 10, "uint", bits);
		fprintf(out, alias, bits, "true", 10, "int", bits);
		fprintf(out, alias, bits, "false", 16, "hex", bits);
	}
	fprintf(out, declarations, uuid);
}

/** Whether `part` stands at `*at`, which is then behind it. */
static bool skip(const char *text, size_t len, size_t *at, const char *part)
{
	size_t n = strlen(part);

	if (len - *at < n || memcmp(text + *at, part, n) != 0)
		return false;
	*at += n;
	return true;
}

size_t metadata_head_env(const char *text, size_t len)
{
	size_t at = 0;

	if (!skip(text, len, &at, env_begin))
		return 0;
	while (at < len && (isalnum((unsigned char)text[at]) || (text[at] && strchr(".+~-", text[at]))))
		at++;
	return skip(text, len, &at, env_end) ? at : 0;
}
