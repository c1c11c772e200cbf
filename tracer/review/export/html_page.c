#include "tracer/review/export/html_page.h"

/* The assembler reads the files: the Makefile makes them. */
#define EMBED(name, file)                                                                          \
	__asm__(".pushsection .rodata\n"                                                           \
		".globl " name "\n"                                                                \
		".type " name ", @object\n" name ":\n"                                             \
		".incbin \"" file "\"\n"                                                           \
		".byte 0\n"                                                                        \
		".size " name ", . - " name "\n"                                                   \
		".popsection\n")

EMBED("html_page_head", HTML_PAGE ".head");
EMBED("html_page_tail", HTML_PAGE ".tail");
