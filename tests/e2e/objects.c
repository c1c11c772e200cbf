// A program with objects as libvirt has them, in three versions (-DVERSION=1 …) of which the third has renamed a member.
#include <stddef.h>

typedef struct _virDomainDef virDomainDef;
struct _virDomainDef {
#if VERSION > 1
	int virtType;
	unsigned char uuid[16];
#endif
	int id;
	char *name;
};

typedef struct _virDomainObj virDomainObj;
struct _virDomainObj {
	long lock[VERSION * 5];
	int pid;
#if VERSION < 3
	virDomainDef *def;
#else
	virDomainDef *definition;
#endif
};

#if VERSION < 3
#define DEF def
#else
#define DEF definition
#endif

int start(virDomainObj *vm, int id);

__attribute__((noinline)) int start(virDomainObj *vm, int id)
{
	if (!vm || !vm->DEF)
		return -1;
	vm->DEF->id = id;
	return 0;
}

int main(void)
{
	virDomainDef first = { .id = -1, .name = (char *)"first" }, second = { .id = -1, .name = (char *)"zw\303\266lf" };
	virDomainObj a = { .DEF = &first }, b = { .DEF = &second }, without = { 0 };

	return start(&a, 1) + start(&b, 2) + start(&without, 3) + start(NULL, 4) + start(&a, 1) + 2;
}
