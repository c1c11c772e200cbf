/**
 * Long output on a terminal goes through a pager, as git's does: $PAGER, or less with -FRX.
 */
#ifndef CMD_PAGER_H
#define CMD_PAGER_H

/** From now on stdout is a pager, if it was a terminal and there is a pager. */
void pager_start(void);

/** Wait until the user has left the pager. Nothing may be printed after it. */
void pager_finish(void);

#endif
