/*
 * QMP: what libvirt asked QEMU's monitor, and what it was told, out of the texts that calls captured at entry.
 *
 * A request belongs to the call that has it, and that waits for the reply, though another thread receives that: both
 * are joined by id. Ids count for each monitor, whose address is the capture named `mon`.
 */
const MESSAGE = /^\s*\{.*"(execute|return|error|event)"/s;

/* The value of a member of the outermost object; a text without its quotes. */
function memberOf(lines, name) {
	const value = lines?.find(line => line.path === name)?.value;

	return value === undefined ? undefined : stringOf(value) ?? value;
}

/* [{ text, lines, kind, id, name }] of a text, which may have a message on each of its lines. */
function messagesOf(text) {
	return text.split('\n').map(part => part.trim()).filter(part => MESSAGE.test(part)).map(part => {
		const lines = jsonLines(part);
		const name = memberOf(lines, 'execute') ?? memberOf(lines, 'event');
		const kind = memberOf(lines, 'execute') !== undefined ? 'request'
			: memberOf(lines, 'event') !== undefined ? 'event' : 'reply';

		return { text: part, lines, kind, name, id: memberOf(lines, 'id'),
			isError: Boolean(lines?.some(line => /^"error": *\{/.test(line.text) && line.indent === 1)) };
	});
}

/* Messages in what a call captured at entry; those that were cut by the recording's limit are none. */
function* messagesIn(call) {
	const names = namesAt(call.probe, 'entry');
	const monitor = isList(call.entry) ? call.entry[names.indexOf('mon')] : undefined;

	for (const value of isList(call.entry) ? call.entry : []) {
		const text = typeof value === 'string' && value.includes('{') ? jsonOf(value) : null;

		for (const message of text ? messagesOf(text) : [])
			yield { ...message, call, monitor: isList(monitor) ? monitor[0] : monitor };
	}
}

/* Joins all messages: trace.qmp is [{ name, request, reply, isError }], each call knows its own. */
function joinMessages() {
	const waiting = new Map(); // "monitor id" -> exchange

	trace.qmp = [];
	for (const call of [...trace.calls].sort((a, b) => a.start - b.start || a.index - b.index))
		for (const message of messagesIn(call)) {
			const key = `${message.monitor} ${message.id}`;
			const asked = message.kind === 'reply' && message.id !== undefined ? waiting.get(key)
				: undefined;
			const exchange = asked ?? { name: message.name ?? '', request: null, reply: null,
				isError: false };

			exchange[message.kind === 'request' ? 'request' : 'reply'] = message;
			exchange.isError ||= message.isError;
			(call.qmp ??= []).push(exchange);
			if (message.kind === 'request' && message.id !== undefined)
				waiting.set(key, exchange);
			else
				waiting.delete(key);
			if (!asked)
				trace.qmp.push(exchange);
		}
}

const messageSize = text => formatSize(String(text.length)) || plural(text.length, 'byte');

/* "QMP query-blockstats -> 3.1 KiB, 0.4 ms" */
function exchangeTitle({ name, request, reply, isError }) {
	const took = request && reply ? `, ${formatDuration(reply.call.start - request.call.start)}` : '';

	return `QMP ${name || 'reply'} → ${reply ? `${isError ? 'error, ' : ''}${messageSize(reply.text)}${took}`
		: 'no whole reply in the trace'}`;
}
