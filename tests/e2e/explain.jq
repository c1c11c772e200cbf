# What `virtrace explain` must say of a running guest's disk sizes, made from the
# exported calls by the rules of libvirt 9.0's source alone: lines of
# CALL MEMBER: GUEST FUNCTION-OR-COMMAND PATH CALL-THAT-HAS-IT
#
#	jq -rn --slurpfile calls CALLS.jsonl -f explain.jq

def message: rtrimstr("\r\n") | fromjson;
def index_of(f): map(f) | index(true);

(INDEX($calls[]; .id)) as $by_id
| [$calls[] | select(.function == "qemuMonitorSend")
	| . + { request: (.entry["msg->txBuffer"] | message) }] as $sent
| [$calls[] | select(.function == "qemuMonitorJSONIOProcessLine")
	| . + { reply: (.entry.line | message) }] as $received
| $calls[] | select(.function == "virDomainGetBlockInfo" and .status == "returned")
| . as $call
| def asked(f): [$sent[] | select(.request | f)
		| select($by_id[$by_id[.parent | tostring].parent | tostring].parent == $call.id)][0];
  def answer(f): asked(f) as $request
	| [$received[] | select(.entry.mon == $request.entry.mon and .reply.id == $request.request.id)][0];
  answer(.execute == "query-named-block-nodes") as $nodes
| answer(.execute == "query-blockstats" and .arguments == null) as $stats
| ($nodes.reply.return | index_of(.["node-name"] == "libvirt-1-format")) as $node
| ($stats.reply.return | index_of(.qdev != null)) as $device
| $call.entry["domain->name"] as $guest
| def line($member; $what; $path; $id): "\($call.id) \($member): \($guest) \($what) \($path) \($id)";
  def actual($member): line($member; "query-named-block-nodes"; "return[\($node)].image.actual-size"; $nodes.id);
  ([$calls[] | select(.function == "virStorageSourceUpdatePhysicalSize" and $by_id[.parent | tostring].parent == $call.id)][0]) as $stat
| line("capacity"; "query-named-block-nodes"; "return[\($node)].image.virtual-size"; $nodes.id),
  (if $nodes.reply.return[$node].drv == "qcow2" then actual("allocation")
   else line("allocation"; "query-blockstats"; "return[\($device)].parent.stats.wr_highest_offset"; $stats.id) end),
  (if $stat then line("physical"; $stat.function; "sb->st_size"; $stat.id) else actual("physical") end)
