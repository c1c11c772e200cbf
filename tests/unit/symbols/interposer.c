/* Symbols that come before those of exprs.c. */
int counter = -4242;
unsigned char raw_bytes[4] = { 1, 2, 3, 4 };
