// Block statistics as three versions of libvirt might gather them (VERSION 1 to 3): the members have other types, come in
// another order, become more, move into an unnamed struct. The numbers are the same, but that version 3 has another
// capacity of vdb.
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#if VERSION == 1
struct _qemuBlockStats {
	long long rd_req, rd_bytes, wr_req, wr_bytes;
	unsigned long long capacity, physical;
	unsigned long long wr_highest_offset;
	bool wr_highest_offset_valid;
};
#elif VERSION == 2
struct _qemuBlockStats {
	unsigned long long rd_req, rd_bytes, wr_req, wr_bytes;
	unsigned long long capacity, physical;
	unsigned long long wr_highest_offset;
	bool wr_highest_offset_valid;
	unsigned long long write_threshold;
};
#else
struct _qemuBlockStats {
	bool wr_highest_offset_valid;
	unsigned long long write_threshold;
	unsigned long long wr_highest_offset, capacity, physical;
	struct {
		unsigned int rd_req, wr_req;
		unsigned long long rd_bytes, wr_bytes;
	};
};
#endif
typedef struct _qemuBlockStats qemuBlockStats;

struct _virDomainBlockInfo {
	unsigned long long capacity, allocation, physical;
};
typedef struct _virDomainBlockInfo virDomainBlockInfo;

int qemuDomainBlocksStatsGather(const char *path, bool capacity, qemuBlockStats **retstats);
int qemuDomainGetBlockInfo(const char *path, virDomainBlockInfo *info);
int virDomainGetBlockInfo(const char *disk, virDomainBlockInfo *info, unsigned int flags);

__attribute__((noinline)) int qemuDomainBlocksStatsGather(const char *path, bool capacity, qemuBlockStats **retstats)
{
	static unsigned calls;
	qemuBlockStats *stats = calloc(1, sizeof(*stats));

	if (!stats || path[0] != 'v')
		return -1;
	stats->rd_req = ++calls;
	stats->rd_bytes = 4096ull * calls;
	stats->wr_req = path[2] - 'a';
	stats->wr_bytes = 512ull * stats->wr_req;
	stats->wr_highest_offset = 1 << 20;
	stats->wr_highest_offset_valid = true;
	if (capacity)
		stats->capacity = VERSION == 3 && path[2] == 'b' ? 40ull << 30 : 20ull << 30;
	*retstats = stats;
	return 0;
}

__attribute__((noinline)) int qemuDomainGetBlockInfo(const char *path, virDomainBlockInfo *info)
{
	qemuBlockStats *stats = NULL;

	if (qemuDomainBlocksStatsGather(path, true, &stats) < 0)
		return -1;
	info->capacity = stats->capacity;
	info->allocation = stats->wr_highest_offset;
	free(stats);
	return 0;
}

__attribute__((noinline)) int virDomainGetBlockInfo(const char *disk, virDomainBlockInfo *info, unsigned int flags)
{
	memset(info, 0, sizeof(*info));
	return flags ? -1 : qemuDomainGetBlockInfo(disk, info);
}

int main(void)
{
	virDomainBlockInfo info;

	for (int i = 0; i < 3; i++) {
		virDomainGetBlockInfo("vda", &info, 0);
		virDomainGetBlockInfo("vdb", &info, 0);
	}
	return virDomainGetBlockInfo("hdz", &info, 0) == -1 ? 0 : 1;
}
