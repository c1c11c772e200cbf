/**
 * The call tree as text.
 *
 *	    TOTAL      SELF    CALLS  FUNCTION
 *	   812 ms     22 ms      412  virDomainGetBlockInfo
 *	   790 ms    189 ms      412  `- qemuDomainGetBlockInfo
 *	   601 ms    601 ms      409     |- qemuDomainBlocksStatsGather
 *	     3 us      3 us        3     `- virReportErrorHelper   ! 3 failed
 */
#ifndef REVIEW_TREE_TEXT_H
#define REVIEW_TREE_TEXT_H

struct call_tree;
struct show;

/** `by`: the expression its nodes are split by, or NULL. */
void tree_text(struct show *show, const struct call_tree *tree, const char *by);

#endif
