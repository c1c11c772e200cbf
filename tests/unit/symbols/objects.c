/* Objects as libvirt has them, in three versions (-DVERSION=1 …), for test_decoder.c. */
#include <stddef.h>

typedef enum { STATE_OFF, STATE_ON = 4 } virState;

typedef struct _virDomainDef virDomainDef;
struct _virDomainDef {
#if VERSION > 1
	int virtType;
	unsigned char uuid[16];
#endif
	int id;
	const char *name;
};

typedef struct _virDomainObj virDomainObj, *virDomainObjPtr;
struct _virDomainObj {
	long lock[VERSION * 3];
	int state;
	unsigned persistent : 1, updated : 2;
#if VERSION < 3
	virDomainDef *def;
#else
	virDomainDef *definition; /* renamed */
#endif
};

struct opaque;
struct holder {
	int n;
	virDomainObj *vm;
	virDomainObj inside;
};

void *volatile sink;

__attribute__((noinline)) int use(virDomainObjPtr vm, const struct _virDomainObj *same, virDomainObj **out,
				  struct opaque *opaque, struct holder *holder, virDomainObj by_value)
{
	sink = vm;
	sink = (void *)same;
	sink = out;
	sink = opaque;
	sink = holder;
	sink = &by_value;
	return 0;
}

virState state_of_nothing(void) { return STATE_ON; }

#if VERSION < 3
static virDomainDef def = { .id = 7, .name = "demo" };
static virDomainObj vm = { .state = STATE_ON, .persistent = 1, .updated = 2, .def = &def };
static virDomainObj without = { .state = 1 }, wild = { .def = (void *)16 }, *other = &without;
static struct holder holder = { 3, &wild };

void call_use(void) { use(&vm, &vm, &other, NULL, &holder, vm); }
void call_without(void) { use(&without, NULL, NULL, NULL, NULL, vm); }
void call_wild(void) { use(&wild, (void *)16, (void *)16, NULL, NULL, vm); }
#endif
