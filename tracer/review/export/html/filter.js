/*
 * Filters as users type them: words and comparisons, all of which must hold.
 *
 *	vda  "a b"  -vda        the text of the row has it; has it not
 *	duration>5ms            also: $ret<0  info->allocation>=4096  function~Block*  thread=rpc-worker
 *
 * `=` compares numbers as numbers and texts as texts, `~` looks for a part, where * stands for anything.
 */
const UNITS = { ns: 1, us: 1e3, 'µs': 1e3, ms: 1e6, s: 1e9 };

const FACTS = {
	duration: call => call.duration === null ? undefined : String(call.duration),
	id: call => call.id,
	tid: call => String(call.tid),
	thread: call => call.threadName,
	function: call => call.name,
	module: call => call.probe.module,
	status: call => call.status,
	level: call => String(call.level),
};

/* Text of a call's row, made once. */
function rowText(call) {
	call.text ??= `#${call.id} ${call.name} ${call.threadName} ${argumentsOf(call)} ${resultOf(call)}`.toLowerCase();
	return call.text;
}

/* A fact of that name, also as $duration, or a recorded value. */
function factOf(call, name) {
	const fact = FACTS[name.replace(/^\$/, '')];

	return valueIn(call, name) ?? (fact ? fact(call) : undefined);
}

function looksLike(pattern) {
	const parts = pattern.split('*').map(part => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'));

	return new RegExp(parts.join('.*'), 'i');
}

function compare(value, wanted) {
	const x = integerOf(value), y = integerOf(wanted);

	if (x !== null && y !== null)
		return x < y ? -1 : x > y ? 1 : 0;
	const a = numberOf(value), b = numberOf(wanted);

	if (!isNaN(a) && !isNaN(b))
		return a - b;
	const text = stringOf(value) ?? value, other = stringOf(wanted) ?? wanted;

	return text < other ? -1 : text > other ? 1 : 0;
}

const OPERATORS = {
	'<': n => n < 0, '<=': n => n <= 0, '>': n => n > 0, '>=': n => n >= 0,
	'=': n => n === 0, '==': n => n === 0, '!=': n => n !== 0,
};

function comparison(name, operator, wanted) {
	const unit = /^([\d.]+)(ns|us|µs|ms|s)$/.exec(wanted);
	const scaled = unit && /^\$?duration$/.test(name) ? String(Number(unit[1]) * UNITS[unit[2]]) : wanted;
	const pattern = operator === '~' ? looksLike(stringOf(wanted) ?? wanted) : null;
	const holds = OPERATORS[operator];

	return call => {
		const value = factOf(call, name);

		if (value === undefined)
			return false;
		return pattern ? pattern.test(stringOf(value) ?? value) : holds(compare(value, scaled));
	};
}

const TERM = /^((?:->|[^\s=<>!~"])+)(==|!=|<=|>=|=|<|>|~)(.+)$/s;

/* A function that says whether a call is wanted. */
function parseFilter(text) {
	const terms = (text.match(/(?:"(?:[^"\\]|\\.)*"?|\S)+/g) ?? []).map(term => {
		const parts = TERM.exec(term);

		if (parts)
			return comparison(parts[1], parts[2], parts[3]);
		const isNot = term.length > 1 && term[0] === '-';
		const word = (isNot ? term.slice(1) : term).replace(/^"(.*?)"?$/s, '$1').toLowerCase();

		return call => rowText(call).includes(word) !== isNot;
	});

	return call => terms.every(term => term(call));
}
