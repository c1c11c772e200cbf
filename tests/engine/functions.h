/**
 * Functions whose first and last instructions have every form that matters: each takes a serial
 * number and returns it plus a constant of its own.
 */
#ifndef TESTS_ENGINE_FUNCTIONS_H
#define TESTS_ENGINE_FUNCTIONS_H

/* name, what it adds, how often one round enters it: f_jmp goes to f_push */
#define FUNCTIONS(X)                                                                               \
	X(f_push, 3, 2)                                                                            \
	X(f_rip, 1000, 1)                                                                          \
	X(f_endbr, 7, 1)                                                                           \
	X(f_jmp, 3, 1)                                                                             \
	X(f_sub, 9, 1)                                                                             \
	X(f_jcc, 5, 1)                                                                             \
	X(f_jrcxz, 6, 1)                                                                           \
	X(f_call, 1, 1)                                                                            \
	X(f_icall, 2, 1)                                                                           \
	X(f_icall_stack, 4, 1)                                                                     \
	X(f_ijmp, 0, 1)                                                                            \
	X(f_ijmp_mem, 0, 1)                                                                        \
	X(f_tail, 11, 1)                                                                           \
	X(f_tail_cond, 21, 1)                                                                      \
	X(f_mutual, 31, 3)                                                                         \
	X(f_switch, 40, 1)                                                                         \
	X(f_red_zone, 50, 1)                                                                       \
	X(f_loop, 60, 1)                                                                           \
	X(f_deep, 70, 4)                                                                           \
	X(f_rets, 80, 1)

#endif
