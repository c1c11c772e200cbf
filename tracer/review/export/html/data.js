/*
 * The trace: reads what html_data.h describes.
 *
 * Everything in it was chosen by others: it is only ever shown as text, and nothing here follows a
 * number of the trace without a look at where it leads.
 */
const trace = {
	head: {}, info: {}, end: {},
	base: 0n,          // wall clock in ns at which times start
	first: 0, last: 0, // times of the calls
	types: [], probes: [], places: [],
	calls: [],         // in the order of a walk over their trees
	ids: new Map(),    // number of a call, as text -> call
	threads: [],
	qmp: [],
};

/* Numbers are exact: those that do not fit a double come as strings. */
const number = value => typeof value === 'number' ? value : Number(value);

/*
 * Names, as they may be shown: what turns or hides its neighbours, and control characters, are
 * escapes. (In the texts of values they are already.)
 */
const ODD = /[\p{C}\p{Zl}\p{Zp}]/gu;
const harmless = text => String(text ?? '').replace(ODD, c => `\\u{${c.codePointAt(0).toString(16)}}`);

class Call {
	constructor(record, index, up) {
		const [id, level, tid, thread, probe, start, duration, status, returnSource, failed, entry, ret, stack,
			qmp, partOf] = record;

		this.index = index;
		this.id = String(id);
		this.level = level;
		this.tid = tid;
		this.threadName = harmless(thread);
		this.probe = trace.probes[probe];
		this.start = number(start);
		this.duration = duration === null ? null : number(duration);
		this.status = status;
		this.returnSource = harmless(returnSource);
		this.failed = failed;
		this.entry = entry;
		this.ret = ret;
		this.stack = stack;
		this.up = up;
		this.partOf = partOf === undefined ? null : String(partOf); // the number of a call that comes later
		this.key = this.previous = null; // see findPrevious()
		this.qmp = trace.qmp[qmp] ?? null; // the exchange that it sent or received a message of
		this.ways = null; // of an outermost call: see waysOf()
		this.after = index + 1; // the call behind all that this one made
	}

	get name() { return this.probe.name; }
	get end() { return this.duration === null ? trace.last : this.start + this.duration; }
	get isOpen() { return this.status === 'open'; }

	/* The calls it made itself. */
	*made() {
		for (let i = this.index + 1; i < this.after; i = trace.calls[i].after)
			yield trace.calls[i];
	}
}

function parseOr(text, otherwise) {
	try {
		return JSON.parse(text);
	} catch {
		return otherwise;
	}
}

function addType([kind, name, ctype, parts, count]) {
	trace.types.push({ kind, name: harmless(name), ctype: harmless(ctype), parts, count });
}

function addProbe(probe) {
	const { function: name, module, source, prototype } = probe;

	trace.probes.push({ index: trace.probes.length, name: harmless(name), module: harmless(module),
		source: harmless(source), prototype: harmless(prototype), entry: probe.entry, return: probe.return, paths: null });
}

function addPlace([address, functions]) {
	const named = ([name, module, source, isInlined]) =>
		({ name: harmless(name) || address, module: harmless(module), source: harmless(source), isInlined });

	trace.places.push({ address, functions: functions.map(named) });
}

/* Calls that the one read now is within. */
const enclosing = [];

function addCall(record) {
	const index = trace.calls.length;

	while (enclosing.length > record[1])
		enclosing.pop().after = index;
	const call = new Call(record, index, enclosing.at(-1) ?? null);

	enclosing.push(call);
	trace.calls.push(call);
	if (!trace.ids.has(call.id))
		trace.ids.set(call.id, call);
	trace.first = Math.min(trace.first, call.start);
	trace.last = Math.max(trace.last, call.start + (call.duration ?? 0));
}

function addLine(line) {
	if (line.startsWith('{"ways"')) {
		enclosing[0].ways = line; // there are many: they are read when they are wanted
		return;
	}
	const item = JSON.parse(line);

	if (Array.isArray(item))
		addCall(item);
	else if (item.type)
		addType(item.type);
	else if (item.place)
		addPlace(item.place);
	else if (item.probe)
		addProbe(item.probe);
	else if (item.qmp)
		addExchange(item.qmp);
	else if (item.base_ns)
		trace.base = BigInt(item.base_ns);
	else if (item.head) {
		trace.head = item.head;
		const info = parseOr(item.head.info, {});
		trace.info = info && typeof info === 'object' ? info : {};
	} else if (item.end)
		trace.end = item.end;
}

function collectThreads() {
	const threads = new Map();

	for (const call of trace.calls) {
		let thread = threads.get(call.tid);

		if (!thread) {
			thread = { tid: call.tid, name: call.threadName, calls: [], levels: 0 };
			threads.set(call.tid, thread);
		}
		call.thread = thread;
		thread.name ||= call.threadName;
		thread.calls.push(call);
		thread.levels = Math.max(thread.levels, call.level + 1);
	}
	trace.threads = [...threads.values()];
}

function bytesOf(base64) {
	const text = atob(base64);
	const bytes = new Uint8Array(text.length);

	for (let i = 0; i < text.length; i++)
		bytes[i] = text.charCodeAt(i);
	return bytes;
}

const breath = () => new Promise(done => setTimeout(done));

/* Reads everything; `progress` is called now and then. */
async function readTrace(base64, progress) {
	const reader = new Blob([bytesOf(base64)]).stream()
		.pipeThrough(new DecompressionStream('deflate'))
		.pipeThrough(new TextDecoderStream()).getReader();
	let pieces = [], last = performance.now(); // pieces: of a line that has not ended

	for (;;) {
		const { done, value } = await reader.read();
		const lines = (value ?? '').split('\n');

		pieces.push(lines.shift());
		for (const line of lines) {
			addLine(pieces.join(''));
			pieces = [line];
		}
		if (done)
			break;
		if (performance.now() - last > 100) {
			progress(trace.calls.length);
			await breath();
			last = performance.now();
		}
	}
	while (enclosing.length)
		enclosing.pop().after = trace.calls.length;
	collectThreads();
	findPrevious();
	linkMessages();
}
