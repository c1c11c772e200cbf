// A library whose constructor calls the function that is traced; PLUG is the name of that.
extern long count_plug(void);

long PLUG(long n);
void call_plug(void);

__attribute__((noinline, noclone)) long PLUG(long n)
{
	__asm__ volatile("" : "+r"(n));
	return n + 13;
}

void call_plug(void)
{
	long n = count_plug();

	if (PLUG(n) != n + 13)
		__builtin_trap();
}

__attribute__((constructor)) static void on_load(void)
{
	for (int i = 0; i < 3; i++)
		call_plug();
}
