// Two static functions of one name: linked together, the plain name is ambiguous.
#ifdef ONE
#define USE use_one
#else
#define USE use_two
#endif

int USE(int x);

__attribute__((noinline)) static int twin(int x)
{
	return x + 1;
}

int USE(int x)
{
	return twin(x);
}

#ifdef ONE
#include <stdio.h>
int use_two(int x);
int main(void)
{
	puts("ready");
	fflush(stdout);
	getchar();
	return use_one(use_two(0));
}
#endif
