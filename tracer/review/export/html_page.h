/**
 * The page that shows a trace in a browser: html/page.html with its style and script, put together
 * when virtrace is built.
 */
#ifndef REVIEW_EXPORT_HTML_PAGE_H
#define REVIEW_EXPORT_HTML_PAGE_H

/** Text up to the data of a trace, and from there on; each ends with a NUL. */
extern const char html_page_head[], html_page_tail[];

#endif
