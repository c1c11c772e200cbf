/**
 * The data of an HTML page: text on its way into a script element, deflated (RFC 1950) and in base64.
 *
 * What is written has no character that HTML knows, so nothing in it can end the element; and a
 * browser undoes both by itself.
 */
#ifndef REVIEW_EXPORT_HTML_STREAM_H
#define REVIEW_EXPORT_HTML_STREAM_H

#include <stdio.h>

/**
 * A stream that writes to `out`, which stays open when it is closed. fclose() ends the data and says
 * whether all could be written; ftello() counts the text before it is deflated.  NULL without memory.
 */
FILE *html_stream_open(FILE *out);

#endif
