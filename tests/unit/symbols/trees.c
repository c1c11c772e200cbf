/* JSON trees as libvirt has them, in three versions (-DVERSION=1 …), for test_json_tree.c. */
#include <stddef.h>

typedef enum {
	VIR_JSON_TYPE_OBJECT,
	VIR_JSON_TYPE_ARRAY,
	VIR_JSON_TYPE_STRING,
	VIR_JSON_TYPE_NUMBER,
	VIR_JSON_TYPE_BOOLEAN,
	VIR_JSON_TYPE_NULL,
} virJSONType;

typedef struct _virJSONValue virJSONValue;
typedef struct {
	char *key;
	virJSONValue *value;
} virJSONObjectPair;

#if VERSION == 1
typedef unsigned int count; /* until 4.0 */
#else
typedef size_t count;
#endif

typedef struct {
	count npairs;
	virJSONObjectPair *pairs;
} virJSONObject;

typedef struct {
	count nvalues;
#if VERSION < 3
	virJSONValue **values;
#else
	virJSONValue **elements; /* renamed */
#endif
} virJSONArray;

struct _virJSONValue {
	int type; /* enum virJSONType */
#if VERSION == 1
	_Bool protect;
#endif
	union {
		virJSONObject object;
		virJSONArray array;
		char *string;
		char *number;
		int boolean;
	} data;
};

virJSONType type_of(const virJSONValue *value) { return value->type; }

#define STRING(s) &(virJSONValue){ VIR_JSON_TYPE_STRING, .data.string = (s) }
#define NUMBER(s) &(virJSONValue){ VIR_JSON_TYPE_NUMBER, .data.number = (s) }
#define BOOLEAN(b) &(virJSONValue){ VIR_JSON_TYPE_BOOLEAN, .data.boolean = (b) }
#define NOTHING &(virJSONValue){ VIR_JSON_TYPE_NULL }
#define ARRAY(n, ...) &(virJSONValue){ VIR_JSON_TYPE_ARRAY, .data.array = { n, (virJSONValue *[]){ __VA_ARGS__ } } }
#define OBJECT(n, ...) &(virJSONValue){ VIR_JSON_TYPE_OBJECT, .data.object = { n, (virJSONObjectPair[]){ __VA_ARGS__ } } }

#if VERSION < 3
static virJSONValue loop, wide_loop;
static virJSONValue *loop_items[] = { &loop }, *wide_items[] = { &wide_loop, &wide_loop };
static virJSONValue loop = { VIR_JSON_TYPE_ARRAY, .data.array = { 1, loop_items } };
static virJSONValue wide_loop = { VIR_JSON_TYPE_ARRAY, .data.array = { 2, wide_items } };

struct tree {
	const char *json; /* a blank: it is not to be had */
	virJSONValue *value;
} trees[] = {
	{ "{}", OBJECT(0, { 0 }) },
	{ "[]", ARRAY(0, NULL) },
	{ "\"\"", STRING("") },
	{ "-12.5e3", NUMBER("-12.5e3") },
	{ "0.0E+1", NUMBER("0.0E+1") },
	{ "[true,false,true,null]", ARRAY(4, BOOLEAN(1), BOOLEAN(0), BOOLEAN(-1), NOTHING) },
	{ "{\"execute\":\"query-blockstats\",\"arguments\":{\"query-nodes\":true},\"id\":\"libvirt-12\"}",
	  OBJECT(3, { "execute", STRING("query-blockstats") }, { "arguments", OBJECT(1, { "query-nodes", BOOLEAN(1) }) },
		 { "id", STRING("libvirt-12") }) },
	{ "{\"\":[[],[[18446744073709551615]]]}",
	  OBJECT(1, { "", ARRAY(2, ARRAY(0, NULL), ARRAY(1, ARRAY(1, NUMBER("18446744073709551615")))) }) },
	{ "\"a\\\"b\\\\c\\u0001\\u001f\\u000a/\xc3\xa9\"", STRING("a\"b\\c\1\x1f\n/\xc3\xa9") },
	/* what is no tree */
	{ " ", (virJSONValue *)16 },
	{ " ", STRING(NULL) },
	{ " ", STRING((char *)16) },
	{ " ", NUMBER(NULL) },
	{ " ", NUMBER("") },
	{ " ", NUMBER("-") },
	{ " ", NUMBER(".") },
	{ " ", NUMBER("1.") },
	{ " ", NUMBER("01") },
	{ " ", NUMBER("1e+") },
	{ " ", NUMBER("12\"") },
	{ " ", NUMBER("1234567890123456789012345678901234567890123456789012345678901234567890") },
	{ " ", ARRAY(1, NULL) },
	{ " ", OBJECT(1, { NULL, NOTHING }) },
	{ " ", OBJECT(1, { "a", (virJSONValue *)16 }) },
	{ " ", &(virJSONValue){ 6 } },
	{ " ", &(virJSONValue){ -1 } },
	{ " ", &(virJSONValue){ VIR_JSON_TYPE_OBJECT, .data.object = { -1, NULL } } },
	{ NULL },
};
virJSONValue *cyclic = &loop, *wide_cyclic = &wide_loop;
virJSONValue *many = &(virJSONValue){ VIR_JSON_TYPE_ARRAY, .data.array = { 10000, (virJSONValue *[10000]){ [0 ... 9999] = NOTHING } } };

/* Each value on a page of its own. */
static struct {
	virJSONValue value;
	char rest[4096 - sizeof(virJSONValue)];
} pages[1000] __attribute__((aligned(4096)));
static virJSONValue *page_items[1000];
virJSONValue *scattered = &(virJSONValue){ VIR_JSON_TYPE_ARRAY, .data.array = { 1000, page_items } };

void scatter(void)
{
	for (int i = 0; i < 1000; i++) {
		pages[i].value.type = VIR_JSON_TYPE_NULL;
		page_items[i] = &pages[i].value;
	}
}
virJSONValue *text = STRING("0123456789");
#endif
