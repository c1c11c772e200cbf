/*
 * The time line: a lane for each thread, its calls as bars, those they made below them.
 *
 * Only what can be seen is drawn: of calls that share a pixel the first, and searching goes on
 * behind that pixel.
 */
const BAR = 16, GAP = 6, AXIS = 22, LABEL = 150, DRAWN_LEVELS_MAX = 24, COLOURS = 12, HEIGHT_MAX = 200;

const colourOf = probe => `var(--f${probe.index % COLOURS})`;

class Timeline {
	constructor(element, select) {
		this.element = element;
		this.select = select;
		this.canvas = element.querySelector('canvas');
		this.spacer = element.querySelector('.spacer');
		this.context = this.canvas.getContext('2d');
		this.from = this.to = 0;
		this.lanes = [];
		element.addEventListener('wheel', event => this.wheel(event), { passive: false });
		element.addEventListener('scroll', () => this.draw());
		element.addEventListener('keydown', event => this.key(event));
		this.canvas.addEventListener('pointerdown', event => this.press(event));
		this.canvas.addEventListener('pointermove', event => this.hover(event));
		this.canvas.addEventListener('pointerleave', () => this.tip(null));
		this.canvas.addEventListener('dblclick', event => this.zoomToCall(this.callAt(event)));
		new ResizeObserver(() => this.draw()).observe(element);
	}

	load() {
		let top = AXIS + GAP / 2 + 1;

		this.lanes = trace.threads.map(thread => {
			const levels = Array.from({ length: Math.min(thread.levels, DRAWN_LEVELS_MAX) }, () => []);
			const lane = { thread, levels, top, height: levels.length * BAR };

			for (const call of thread.calls)
				levels[call.level]?.push(call);
			for (const level of levels)
				level.sort((a, b) => a.start - b.start);
			top += lane.height + GAP;
			return lane;
		});
		this.height = top;
		document.documentElement.style.setProperty('--timeline', `${Math.min(top, HEIGHT_MAX)}px`);
		this.all();
	}

	/* A margin on both sides, so that the first and the last call can be seen. */
	all() {
		const margin = Math.max(1, (trace.last - trace.first) * 0.01);

		this.show(trace.first - margin, trace.last + margin);
	}

	show(from, to) {
		const span = Math.max(to - from, 20), whole = Math.max(1000, trace.last - trace.first);

		this.from = Math.max(trace.first - whole, Math.min(from, trace.last));
		this.to = this.from + Math.min(span, 3 * whole);
		this.draw();
	}

	get width() { return this.element.clientWidth - LABEL; }
	x(time) { return LABEL + (time - this.from) / (this.to - this.from) * this.width; }
	time(x) { return this.from + (x - LABEL) / this.width * (this.to - this.from); }

	zoom(factor, x = LABEL + this.width / 2) {
		const at = this.time(x);

		this.show(at - (at - this.from) * factor, at + (this.to - at) * factor);
	}

	pan(share) {
		const by = share * (this.to - this.from);

		this.show(this.from + by, this.to + by);
	}

	zoomToCall(call) {
		if (call) {
			const margin = Math.max(5, (call.end - call.start) * 0.1);

			this.show(call.start - margin, call.end + margin);
		}
	}

	/* Make a call visible: move if it is outside, zoom out if it is longer than the view. */
	reveal(call) {
		const lane = this.lanes.find(other => other.thread === call.thread);
		const span = this.to - this.from, length = call.end - call.start;

		if (lane && (lane.top - AXIS < this.element.scrollTop
			|| lane.top + lane.height > this.element.scrollTop + this.element.clientHeight))
			this.element.scrollTop = lane.top - AXIS - GAP;
		if (call.start < this.from || call.end > this.to) {
			const wanted = Math.max(span, length * 1.2);

			this.show((call.start + call.end - wanted) / 2, (call.start + call.end + wanted) / 2);
		}
		this.draw();
	}

	/* Drawing */

	draw() {
		if (!this.height || this.isDue)
			return;
		this.isDue = true;
		requestAnimationFrame(() => {
			this.isDue = false;
			this.paint();
		});
	}

	paint() {
		const { element, canvas, context } = this;
		const scale = window.devicePixelRatio || 1;
		const width = element.clientWidth, height = element.clientHeight;

		if (width <= LABEL || height <= 0)
			return;
		this.spacer.style.height = `${Math.max(0, this.height - height)}px`;
		canvas.width = width * scale;
		canvas.height = height * scale;
		canvas.style.width = `${width}px`;
		canvas.style.height = `${height}px`;
		context.setTransform(scale, 0, 0, scale, 0, 0);
		context.textBaseline = 'middle';
		context.font = getComputedStyle(element).font;
		this.colours();
		const top = element.scrollTop;

		this.paintGrid(width, height);
		for (const lane of this.lanes)
			if (lane.top + lane.height > top && lane.top < top + height)
				this.paintLane(lane, lane.top - top, width);
		this.paintAxis(width);
	}

	colours() {
		const style = getComputedStyle(document.documentElement);
		const colour = name => style.getPropertyValue(name).trim();

		this.ink = { text: colour('--text'), faint: colour('--faint'), line: colour('--line'),
			back: colour('--back'),
			bar: colour('--bar-text'), bad: colour('--bad'), accent: colour('--accent'),
				panel: colour('--panel') };
		this.fills = Array.from({ length: COLOURS }, (_, i) => colour(`--f${i}`));
	}

	/* Steps of 1, 2 or 5 that leave room for their labels. */
	ticks(width) {
		const least = (this.to - this.from) * 100 / Math.max(1, width - LABEL);
		const power = 10 ** Math.floor(Math.log10(Math.max(least, 1)));
		const step = [1, 2, 5, 10].map(n => n * power).find(n => n >= least);
		const ticks = [];

		for (let time = Math.ceil(this.from / step) * step; time <= this.to; time += step)
			ticks.push(time);
		return { ticks, step };
	}

	paintGrid(width, height) {
		const { context, ink } = this;

		context.fillStyle = ink.back;
		context.fillRect(0, 0, width, height);
		context.fillStyle = ink.line;
		for (const time of this.ticks(width).ticks)
			context.fillRect(Math.round(this.x(time)), 0, 1, height);
	}

	paintAxis(width) {
		const { context, ink } = this;
		const { ticks, step } = this.ticks(width);
		const digits = Math.max(0, Math.min(9, 9 - Math.floor(Math.log10(step))));

		context.fillStyle = ink.panel;
		context.fillRect(0, 0, width, AXIS);
		context.fillStyle = ink.faint;
		for (const time of ticks)
			if (this.x(time) > LABEL + 30)
				context.fillText(this.label(time, step, digits), this.x(time) + 4, AXIS / 2);
		context.fillStyle = ink.panel;
		context.fillRect(0, 0, LABEL, AXIS);
		context.fillStyle = ink.text;
		context.fillText(formatDuration(Math.round(this.to - this.from)), 8, AXIS / 2);
		context.fillStyle = ink.line;
		context.fillRect(0, AXIS, width, 1);
	}

	/* The time of day; only its seconds where their fraction is long. */
	label(time, step, digits) {
		const text = formatTime(time, digits);

		return digits ? text.slice(step >= 1e7 ? 0 : 6) : text.slice(0, 8);
	}

	paintLane(lane, top, width) {
		const { context, ink } = this;

		for (const [i, calls] of lane.levels.entries())
			this.paintLevel(calls, top + i * BAR, width);
		context.fillStyle = ink.panel;
		context.fillRect(0, top - GAP / 2, LABEL - 1, lane.height + GAP);
		context.fillStyle = ink.text;
		const name = lane.thread.name ? `${lane.thread.name} ${lane.thread.tid}` : String(lane.thread.tid);

		context.save();
		context.beginPath();
		context.rect(0, top, LABEL - 6, BAR);
		context.clip();
		context.fillText(name, 8, top + BAR / 2);
		context.restore();
		context.fillStyle = ink.line;
		context.fillRect(0, top + lane.height + GAP / 2, width, 1);
	}

	/* The first call that begins at `time` or later. */
	static search(calls, time) {
		let low = 0, high = calls.length;

		while (low < high) {
			const middle = (low + high) >> 1;

			if (calls[middle].start < time)
				low = middle + 1;
			else
				high = middle;
		}
		return low;
	}

	paintLevel(calls, y, width) {
		let i = Math.max(0, Timeline.search(calls, this.from) - 1);

		while (i < calls.length && calls[i].start <= this.to) {
			const call = calls[i];
			const left = Math.max(LABEL, this.x(call.start)), right = Math.min(width, this.x(call.end));

			if (right >= LABEL)
				this.paintBar(call, left, Math.max(1, right - left), y);
			i = right - left >= 1 ? i + 1
				: Math.max(i + 1, Timeline.search(calls, this.time(Math.floor(left) + 1)));
		}
		const chosen = view.selected;

		if (chosen && calls[Timeline.search(calls, chosen.start)]?.start === chosen.start
			&& calls.includes(chosen))
			this.paintChosen(chosen, y, width);
	}

	paintBar(call, left, width, y) {
		const { context, ink } = this;

		context.fillStyle = this.fills[call.probe.index % COLOURS];
		context.fillRect(left, y + 1, width > 3 ? width - 1 : width, BAR - 2);
		if (call.failed) {
			context.fillStyle = ink.bad;
			context.fillRect(left, y + BAR - 4, Math.max(2, width - 1), 3);
		}
		if (width < 30)
			return;
		context.save();
		context.beginPath();
		context.rect(left, y, width - 4, BAR);
		context.clip();
		context.fillStyle = ink.bar;
		context.fillText(call.name + (width > 260 ? `  ${formatDuration(call.duration)}` : ''), left + 4,
			y + BAR / 2);
		context.restore();
	}

	paintChosen(call, y, width) {
		const { context, ink } = this;
		const left = Math.max(LABEL, this.x(call.start)), right = Math.min(width, this.x(call.end));

		if (right < LABEL)
			return;
		context.strokeStyle = ink.accent;
		context.lineWidth = 2;
		context.strokeRect(left - 1, y, Math.max(3, right - left + 1), BAR);
	}

	/* Mouse and keys */

	callAt(event) {
		const y = event.offsetY + this.element.scrollTop, time = this.time(event.offsetX);
		const lane = this.lanes.find(other => y >= other.top && y < other.top + other.height);
		const calls = lane && event.offsetX >= LABEL && event.offsetY > AXIS
			? lane.levels[Math.floor((y - lane.top) / BAR)] : null;

		if (!calls)
			return null;
		const slack = 3 * (this.to - this.from) / this.width;
		const i = Timeline.search(calls, time);
		const near = [calls[i - 1], calls[i]].filter(call => call && call.start - slack <= time
			&& call.end + slack >= time);

		return near.find(call => call.start <= time && call.end >= time) ?? near[0] ?? null;
	}

	wheel(event) {
		const overflows = this.height > this.element.clientHeight + 1;

		if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
			event.preventDefault();
			this.pan((event.deltaX || event.deltaY) / 1000);
		} else if (event.ctrlKey || !overflows) {
			event.preventDefault();
			this.zoom(1.0015 ** event.deltaY, event.offsetX);
		}
	}

	press(event) {
		if (event.button !== 0)
			return;
		const start = event.clientX, { from, to } = this;
		let dragged = false;

		this.canvas.setPointerCapture(event.pointerId);
		this.drag = move => {
			const by = (move.clientX - start) / this.width * (to - from);

			dragged ||= Math.abs(move.clientX - start) > 3;
			if (dragged)
				this.show(from - by, to - by);
		};
		this.canvas.addEventListener('pointerup', up => {
			this.drag = null;
			if (!dragged && this.callAt(up))
				this.select(this.callAt(up));
		}, { once: true });
	}

	hover(event) {
		if (this.drag)
			this.drag(event);
		else
			this.tip(this.callAt(event), event);
	}

	tip(call, event) {
		const tip = byId('tip');

		tip.hidden = !call;
		this.canvas.style.cursor = call ? 'pointer' : 'default';
		if (!call)
			return;
		tip.replaceChildren(make('b', {}, `#${call.id} ${call.name}`),
			make('div', {}, formatDuration(call.duration)),
			make('div', {}, argumentsOf(call)),
				make('div', {}, (call.failed ? '! ' : '') + resultOf(call)));
		tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8))}px`;
		tip.style.top = `${event.clientY + 18 + tip.offsetHeight > innerHeight
			? event.clientY - tip.offsetHeight - 10 : event.clientY + 18}px`;
	}

	/* Also called for keys pressed elsewhere; true if it was one of ours. */
	key(event) {
		const act = {
			'+': () => this.zoom(0.6), '=': () => this.zoom(0.6), w: () => this.zoom(0.6),
			'-': () => this.zoom(1 / 0.6), s: () => this.zoom(1 / 0.6),
			a: () => this.pan(-0.25), d: () => this.pan(0.25),
			0: () => this.all(), z: () => this.zoomToCall(view.selected),
		}[event.key];
		const arrow = event.target === this.element && { ArrowLeft: -0.1, ArrowRight: 0.1 }[event.key];

		if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented || (!act && !arrow))
			return false;
		event.preventDefault();
		if (act)
			act();
		else
			this.pan(arrow);
		return true;
	}
}
