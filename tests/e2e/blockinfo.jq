# Facts about the block-info calls of a trace: reads `virtrace export -f jsonl`
# with --slurp. Every count is of outermost calls, virDomainGetBlockInfo.

def named(f): map(select(.function == f));

. as $all
| (group_by(.parent) | map({key: (.[0].parent | tostring), value: .}) | from_entries) as $children
| def children(f): ($children[.id | tostring] // []) | named(f);
  def inside($outer): .time_ns >= $outer.time_ns
	and .time_ns + .duration_ns <= $outer.time_ns + $outer.duration_ns;

named("virDomainGetBlockInfo") as $calls
| [$calls[] | {
	call: .,
	driver: children("qemuDomainGetBlockInfo"),
	stats: [children("qemuDomainGetBlockInfo")[] | children("qemuDomainBlocksStatsGather")[]]
  }] as $trees
| [$trees[] | select((.driver | length) == 1 and (.stats | length) == 1)
	| {call, driver: .driver[0], stats: .stats[0]}] as $whole
| {
	objects: ($all | length),
	unique_ids: ($all | map(.id) | unique | length),
	calls: ($calls | length),
	with_one_driver_call: [$trees[] | select((.driver | length) == 1)] | length,
	with_one_stats_call: [$trees[] | select((.stats | length) == 1)] | length,
	returned: [$whole[] | select([.call, .driver, .stats] | all(.status == "returned"))] | length,
	ret_is_0: [$whole[] | select([.call, .driver] | all(.return["$ret"] == 0))] | length,
	ret_is_count: [$whole[] | select(.stats.return["$ret"] > 0)] | length,
	same_thread: [$whole[] | select(.call.tid == .driver.tid and .call.tid == .stats.tid)] | length,
	nested_in_time: [$whole[] | . as $w
		| select((.driver | inside($w.call)) and (.stats | inside($w.driver)))] | length,
	depth_grows: [$whole[]
		| select(.driver.depth == .call.depth + 1 and .stats.depth == .call.depth + 2)] | length,
	domain_named: [$whole[] | select(any(.call.entry[]; . == "demo"))] | length,
	disk_named: [$whole[] | select(any(.call.entry[]; . == "vda"))] | length,
	info_passed_up: [$whole[] | select(.call.return["*info"] == .driver.return["*info"])] | length,
	allocation_is_physical_of_stats: [$whole[]
		| select(.call.return["*info"].allocation == .stats.return["**retstats"].physical)] | length,
	capacity_is_capacity_of_stats: [$whole[]
		| select(.call.return["*info"].capacity == .stats.return["**retstats"].capacity)] | length,
	offset_moves: ([$whole[] | .stats.return["**retstats"].wr_highest_offset] | max > min)
}
