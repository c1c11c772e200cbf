/* A library that is loaded and unloaded; its constructor calls the function that is traced. */
#include <stdint.h>

extern volatile uint64_t *plug_counter(void);

__attribute__((noinline, noclone, visibility("default"))) long f_plug(long n)
{
	asm volatile("" : "+r"(n));
	return n + 13;
}

__attribute__((constructor)) static void on_load(void)
{
	volatile uint64_t *counter = plug_counter();

	f_plug((long)++*counter);
}
