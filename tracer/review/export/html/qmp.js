/*
 * QMP: what libvirt asked QEMU's monitor, and what it was told. Which reply is to which request was found out when the page
 * was made (html_data.h): a request belongs to the call that waited for the reply, though another thread received that.
 */

/* `call` is null where the page does not hold it; see linkMessages(). */
function messageOf(record) {
	if (!record)
		return null;
	const [id, start, tid, text, isCut] = record;

	return { id: String(id), call: null, start: number(start), tid, text: text.trimEnd(), isCut };
}

function addExchange([name, id, kind, request, reply]) {
	trace.qmp.push({ name: harmless(name), id: harmless(id), isEvent: kind === 'event', isError: kind === 'error',
		request: messageOf(request), reply: messageOf(reply) });
}

/* The other way from that of call.qmp, once all calls are there. */
function linkMessages() {
	for (const { request, reply } of trace.qmp)
		for (const message of [request, reply])
			if (message)
				message.call = trace.ids.get(message.id) ?? null;
	trace.qmp.sort((a, b) => (a.request ?? a.reply).start - (b.request ?? b.reply).start);
}

const messageSize = ({ text, isCut }) =>
	(formatSize(String(text.length)) || plural(text.length, 'byte')) + (isCut ? ' (cut)' : '');

const messageLink = ({ id, call }) => call ? callLink(call, `#${id}`) : `#${id}`;

/* "QMP query-blockstats → 3.1 KiB, 0.4 ms" */
function exchangeTitle({ name, request, reply, isEvent, isError }) {
	if (isEvent)
		return `QMP event ${name}`;
	if (!request)
		return name ? `QMP reply to ${name}` : 'QMP reply without its request';
	return `QMP ${name} → ${reply ? `${isError ? 'error, ' : ''}${messageSize(reply)}, ${formatDuration(reply.start - request.start)}`
		: 'no reply in the trace'}`;
}
