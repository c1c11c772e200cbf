/**
 * Reading a trace while it is being written, as tail -f reads a file.
 */
#ifndef CMD_FOLLOW_H
#define CMD_FOLLOW_H

struct follow;
struct review;
struct selection;

/**
 * As review_open(), but where the trace ends now the reading waits for more: up to the end of the
 * recording, a signal (INT, TERM, HUP), or the end of those who read stdout.  Trees come as soon as
 * they are complete. A function that is asked for need not be there before the end of the recording.
 */
int follow_open(const char *path, struct selection *selection, struct review *ret);
/** By review_close(). */
void follow_free(struct follow *follow);

#endif
