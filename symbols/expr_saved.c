/**
 * Parameters kept from the entry of a call: a list of {parameter, status, length, bytes or
 * address}.
 */
#include "symbols/expr_node.h"

#include <string.h>

struct saved_head {
	uint8_t param, status;
	uint16_t len;
};

size_t saved_size(size_t len)
{
	return sizeof(struct saved_head) + (len > 8 ? len : 8);
}

bool saved_put(struct saved *saved, unsigned param, enum status status, uint64_t addr,
	       const void *bytes, size_t len)
{
	struct saved_head head = { (uint8_t)param, (uint8_t)status, (uint16_t)len };

	if (status != STATUS_OK) {
		head.len = sizeof(addr);
		bytes = &addr;
	}
	if (param > UINT8_MAX || len > VALUE_MAX ||
	    saved->len + sizeof(head) + head.len > sizeof(saved->bytes))
		return false;
	memcpy(saved->bytes + saved->len, &head, sizeof(head));
	memcpy(saved->bytes + saved->len + sizeof(head), bytes, head.len);
	saved->len = (uint16_t)(saved->len + sizeof(head) + head.len);
	return true;
}

bool saved_get(const struct saved *saved, unsigned param, struct saved_item *ret)
{
	struct saved_head head;

	for (size_t at = 0; at + sizeof(head) <= saved->len; at += sizeof(head) + head.len) {
		memcpy(&head, saved->bytes + at, sizeof(head));
		if (head.param != param)
			continue;
		ret->status = head.status;
		ret->bytes = saved->bytes + at + sizeof(head);
		ret->len = head.len;
		if (head.status != STATUS_OK)
			memcpy(&ret->addr, ret->bytes, sizeof(ret->addr));
		return true;
	}
	return false;
}
