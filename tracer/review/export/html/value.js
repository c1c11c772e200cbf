/*
 * Values: texts in the form of gdb, or arrays of values (html_data.h).
 *
 * A value goes with its type. The one of a capture that is there is that of its target.
 */
const LEVELS_MAX = 64;

const typeOf = index => {
	let type = trace.types[index];

	for (let i = 0; type?.kind === 'capture' && i < LEVELS_MAX; i++)
		type = trace.types[type.parts[0]];
	return type;
};

const isList = value => Array.isArray(value);
const isPointer = (value, type) => isList(value) && type.kind === 'pointer';
const isElements = type => type.kind === 'array' || type.kind === 'sequence';

/* "0x55… "vda"" -> ""vda"": where a string stood says little. */
const withoutAddress = text => text.replace(/^0x[0-9a-f]+ (?=["<'{[])/, '');

/* How many values a list has, and how many more were not recorded (undefined: none, 0: unknown). */
function itemsOf(list) {
	const last = list.at(-1);

	return typeof last === 'number' ? [list.length - 1, last] : [list.length, undefined];
}

/* The parts of a value that can be opened: [{ name, value, type, isElement }]. */
function partsOf(value, type) {
	if (isPointer(value, type)) {
		const target = typeOf(type.parts[0]);

		return isList(value[1]) && !isPointer(value[1], target)
			? partsOf(value[1], target) : [{ name: '*', value: value[1], type: target }];
	}
	const [n] = itemsOf(value);

	return Array.from({ length: n }, (_, i) => {
		const index = isElements(type) ? type.parts[0] : type.parts[i];
		const part = typeOf(index) ?? { kind: '', name: '', ctype: '', parts: [], count: 0 };

		return isElements(type) ? { name: `[${i}]`, value: value[i], type: part, isElement: true }
			: { name: trace.types[index]?.name ?? '', value: value[i], type: part };
	});
}

const shortened = (text, room) => text.length > room ? `${text.slice(0, Math.max(room, 10))}…` : text;

/* One line of text, about `room` characters long. */
function briefly(value, type, room = 200) {
	if (!isList(value))
		return shortened(withoutAddress(value), room);
	if (isPointer(value, type) && !isList(value[1]))
		return `${value[0]} -> ${shortened(withoutAddress(value[1]), room)}`;
	let text = '';

	for (const part of partsOf(value, type)) {
		text += text && ', ';
		if (text.length > room)
			return `{${text}…}`;
		text += (part.name && !part.isElement ? `${part.name} = ` : '') + briefly(part.value, part.type,
			room - text.length);
	}
	return `{${text}}`;
}

/* The captures of one side that are wanted, as name="value", … */
function capturesBriefly(values, type, room, isWanted) {
	if (!isList(values))
		return '';
	return partsOf(values, type).filter(part => isWanted(part.name))
		.map(part => `${part.name}=${briefly(part.value, part.type, room)}`).join(', ');
}

/* Names of what a probe captures at one side. */
const namesAt = (probe, side) => (trace.types[probe[side]]?.parts ?? []).map(index => trace.types[index].name);

/* What is captured at return too says nothing at entry, unless the call has not returned. */
function argumentsOf(call) {
	const later = isList(call.ret) ? namesAt(call.probe, 'return') : [];

	return capturesBriefly(call.entry, typeOf(call.probe.entry), 120, name => !later.includes(name));
}

function resultOf(call) {
	if (!isList(call.ret))
		return call.isOpen ? 'open' : call.status;
	const type = typeOf(call.probe.return);
	const ret = partsOf(call.ret, type).find(part => part.name === '$ret');
	const rest = capturesBriefly(call.ret, type, 200, name => name !== '$ret');

	return (ret ? `= ${briefly(ret.value, ret.type, 80)}` : '') + (ret && rest ? '  ' : '') + rest;
}

/* A whole number as BigInt, or null. */
function integerOf(value) {
	const match = typeof value === 'string' && /^(-?\d+)(?: '.*')?$|^(0x[0-9a-f]+)$/.exec(value);

	return match ? BigInt(match[1] ?? match[2]) : null;
}

function numberOf(value) {
	const integer = integerOf(value);

	if (integer !== null)
		return Number(integer);
	return typeof value === 'string' && /^[-+]?[\d.]+(e[-+]?\d+)?$/.test(value) ? Number(value) : NaN;
}

/* "vda" -> vda; null for what is no whole string. */
function stringOf(value) {
	const text = typeof value === 'string' ? withoutAddress(value) : '';
	const inside = text.slice(1, -1);

	if (text.length < 2 || text[0] !== '"' || !text.endsWith('"') || /(?:^|[^\\])(?:\\\\)*"/.test(inside))
		return null;
	return inside.replace(/\\(\d{3}|.)/g, (_, c) => c.length === 3 ? String.fromCharCode(parseInt(c, 8))
		: ESCAPES[c] ?? c);
}

const ESCAPES = { n: '\n', t: '\t', r: '\r', f: '\f', b: '\b', a: '\x07', v: '\v', e: '\x1b' };

/* Whether two values of a type mean the same: where things stand in memory does not count. */
function isSame(a, b, type) {
	if (!isList(a) || !isList(b)) {
		if (isList(a) !== isList(b))
			return false;
		return withoutAddress(a) === withoutAddress(b)
			|| (type.kind === 'pointer' && isPlainPointer(a) && isPlainPointer(b));
	}
	const x = partsOf(a, type), y = partsOf(b, type);

	return x.length === y.length && x.every((part, i) => isSame(part.value, y[i].value, part.type));
}

const isPlainPointer = text => /^0x[1-9a-f][0-9a-f]*$/.test(text);

/* What tells apart the things a function is called for: its strings at entry. */
function keyOf(call) {
	const texts = isList(call.entry) ? partsOf(call.entry, typeOf(call.probe.entry))
		.filter(part => part.type?.kind === 'string' || part.type?.kind === 'text')
		.map(part => isList(part.value) ? '' : withoutAddress(part.value)) : [];

	return JSON.stringify([call.probe.index, ...texts]);
}

/* Each call gets a number that calls of the same function and strings share, and the one before it. */
function findPrevious() {
	const latest = new Map(); // key -> call

	for (const call of trace.calls) {
		const key = keyOf(call);

		call.previous = latest.get(key) ?? null;
		call.key = call.previous ? call.previous.key : latest.size;
		latest.set(key, call);
	}
}

/* Whether it returned something else than the call before it with the same key. */
function hasChanged(call) {
	const before = call.previous;

	if (!before || !isList(call.ret) || !isList(before.ret))
		return false;
	return !isSame(call.ret, before.ret, typeOf(call.probe.return));
}

/* Times */

function formatDuration(ns) {
	if (ns === null)
		return 'open';
	const units = [['s', 1e9], ['ms', 1e6], ['µs', 1e3]];
	const [unit, scale] = units.find(([, size]) => Math.abs(ns) >= size) ?? ['ns', 1];
	const value = ns / scale;

	return `${scale === 1 ? value : value.toPrecision(Math.max(3,
		Math.trunc(Math.abs(value)).toString().length))} ${unit}`;
}

/* Local time of day; all digits with `digits` 9. */
function formatTime(start, digits = 6) {
	const ns = trace.base + BigInt(Math.round(start));
	const date = new Date(Number(ns / 1000000n));
	const fraction = String(((ns % 1000000000n) + 1000000000n) % 1000000000n).padStart(9, '0');

	if (isNaN(date))
		return String(ns);
	return [date.getHours(), date.getMinutes(), date.getSeconds()].map(n => String(n).padStart(2, '0')).join(':')
		+ '.' + fraction.slice(0, digits);
}

/* Local date and time of the day. */
function formatDate(start) {
	const date = new Date(Number((trace.base + BigInt(Math.round(start))) / 1000000n));

	if (isNaN(date))
		return '';
	return [date.getFullYear(), date.getMonth() + 1,
		date.getDate()].map(n => String(n).padStart(2, '0')).join('-') + ' ' + formatTime(start, 0).slice(0, 8);
}

const lastPart = path => path.replace(/^.*\//, '');
const withCommas = n => String(n).replace(/\B(?=(\d{3})+$)/g, ',');
const plural = (n, what) => `${withCommas(n)} ${what}${n === 1 ? '' : 's'}`;

/* 7623480832 -> "7.1 GiB"; nothing for small or negative numbers. */
function formatSize(value) {
	const n = numberOf(value);
	const unit = Math.min(6, Math.floor(Math.log2(n) / 10));

	return n >= 10240 ? `${(n / 2 ** (10 * unit)).toPrecision(3)} ${' KMGTPE'[unit]}iB` : '';
}
