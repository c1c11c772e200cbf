#include "tracer/cmd/exit.h"

#include <errno.h>

int exit_status(int error)
{
	switch (error) {
	case -EPERM:
	case -EACCES:
	case -EBUSY:
		return EXIT_PERMISSION;
	default:
		return EXIT_ERROR;
	}
}
