# What gdb sees of a target: run as `gdb -batch -x oracle.py`, by tests/targets/run.
#
# In the environment:
#	TARGET     the program
#	SOURCE     its .c file, with the probe lines
#	SYMBOLS    code symbols of the program and its libraries, one a line
#	OPTIMIZED  1: stop at a function's first instruction, where virtrace stops; else after its
#	           prologue, as unoptimised debug information is right only there
#	OUTPUT     a file for the lines; it is there if all went well
#
# Lines:  FUNCTION#N in|out EXPR = VALUE      the N-th call of that function, at its entry or return
#         FUNCTION#N bt FUNCTION FILE:LINE    its backtrace, innermost frame first

import os
import re

import gdb

SPLIT = re.compile(r',(?![^(\[]*[)\]])')
OPTIMIZED = os.environ['OPTIMIZED'] == '1'
output = open(os.environ['OUTPUT'] + '.part', 'w')
with open(os.environ['SOURCE']) as source:
    lines = source.read().split('\n')
depth = 1
backtraces = False
for line in lines:
    if line.startswith('// options:'):
        backtraces |= '-k' in line
        found = re.search(r'--depth (\d+)', line)
        depth = int(found.group(1)) if found else depth


def split(text):
    return [e.strip() for e in SPLIT.split(text) if e.strip()]


class Probe:
    def __init__(self, text):
        before, _, after = text.partition('=>')
        pattern, _, exprs = before.strip().partition(' ')
        self.name = pattern.split('!')[-1]
        self.ins, self.outs = split(exprs), split(after)
        # What is recorded at return is at entry, too, for comparison.
        self.ins += [e for e in self.outs if e not in self.ins and '$ret' not in e]
        self.calls = 0


# `// same: FUNCTION EXPR = EXPR2`: what gdb does not know at return, see target.h.
same = {}
for line in lines:
    if line.startswith('// same:'):
        function, _, equation = line[len('// same:'):].strip().partition(' ')
        expr, _, other = equation.partition(' = ')
        same[function, expr] = other

probes = [Probe(line[len('// probe:'):]) for line in lines if line.startswith('// probe:')]
probes = {probe.name: probe for probe in probes}


def is_char(type):
    return type.code == gdb.TYPE_CODE_INT and type.sizeof == 1


# As our own printing: pointers inside of objects are followed, `levels` of them; gdb follows none.
def show(value, levels):
    type = value.type.strip_typedefs()
    if levels and value.is_optimized_out:
        return '<optimized out>'
    is_object = type.code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION)
    if levels and is_object and value.address is not None:
        members = []
        for field in type.fields():
            text = show(value[field], levels)
            members.append('%s = %s' % (field.name, text) if field.name else text)
        return '{' + ', '.join(members) + '}'
    if levels and type.code == gdb.TYPE_CODE_PTR and int(value) != 0:
        target = type.target().strip_typedefs()
        if not is_char(target) and target.code not in (gdb.TYPE_CODE_VOID, gdb.TYPE_CODE_FUNC):
            try:
                value.dereference().fetch_lazy()
                return '0x%x -> %s' % (int(value), show(value.dereference(), levels - 1))
            except gdb.MemoryError as error:
                return '0x%x -> <error: %s>' % (int(value), error)
    return value.format_string(symbols=False)


def evaluate(expr):
    try:
        value = gdb.parse_and_eval(re.sub(r'(\w+\.c)::', r"'\1'::", expr))
        value.fetch_lazy()
        return show(value, depth - 1 if '*' in expr else 0)
    except gdb.MemoryError as error:
        return '<error: %s>' % error
    except gdb.error as error:
        return '<optimized out>' if 'optimized out' in str(error) else '<gdb: %s>' % error


def put(call, what, expr, value):
    output.write('%s %s %s = %s\n' % (call, what, expr, value))


def put_backtrace(call):
    frame = gdb.newest_frame()
    while frame is not None:
        # Tail call frames are guesses from call sites; those frames are gone.
        if frame.type() != gdb.TAILCALL_FRAME:
            sal = frame.find_sal()
            name = os.path.basename(sal.symtab.filename) if sal.symtab else '?'
            output.write('%s bt %s %s:%d\n' % (call, frame.name(), name, sal.line))
        frame = frame.older()


hits = []


# At return parameters have the values they came with: they are kept in convenience variables.
class Return:
    def __init__(self, frame, probe, call):
        self.probe, self.call = probe, call
        self.saved = {}
        for symbol in frame.block():
            if symbol.is_argument:
                try:
                    value = symbol.value(frame)
                    value.fetch_lazy()
                    self.saved[symbol.name] = None if value.is_optimized_out else value
                except gdb.error:
                    self.saved[symbol.name] = None

    def report(self, value):
        names = {}
        for name, saved in self.saved.items():
            names[name] = '$saved_' + name
            gdb.set_convenience_variable('saved_' + name, saved)
        gdb.set_convenience_variable('ret', value)
        for expr in self.probe.outs:
            def rename(match):
                return names.get(match.group(0), match.group(0))
            known = same.get((self.probe.name, expr), expr)
            used = re.findall(r'(?<![.>\w])[A-Za-z_]\w*', known)
            gone = any(self.saved.get(name, 0) is None for name in used)
            text = re.sub(r'(?<![.>\w$])[A-Za-z_]\w*', rename, known)
            put(self.call, 'out', expr, '<optimized out>' if gone else evaluate(text))


class Finish(gdb.FinishBreakpoint):
    def __init__(self, frame, done):
        super().__init__(frame, internal=True)
        self.silent = True
        self.done = done

    def stop(self):
        hits.append(self)
        return True

    def report(self):
        self.done.report(self.return_value)


# FinishBreakpoint cannot return to a caller that is inlined, or to where a tail call comes back.
class FinishByHand(gdb.Breakpoint):
    def __init__(self, frame, done):
        caller = frame.older()
        while caller.type() != gdb.NORMAL_FRAME:
            caller = caller.older()
        super().__init__('*%d' % caller.pc(), internal=True)
        self.silent = True
        self.condition = '$rsp == %d' % int(caller.read_register('rsp'))
        self.returns = frame.function().type.target()
        self.done = done

    def stop(self):
        hits.append(self)
        return True

    def report(self):
        assert self.returns.strip_typedefs().code in (gdb.TYPE_CODE_INT, gdb.TYPE_CODE_PTR)
        self.done.report(gdb.selected_frame().read_register('rax').cast(self.returns))
        self.delete()


class Entry(gdb.Breakpoint):
    def __init__(self, symbol, probe):
        super().__init__("%s'%s'" % ('*' if OPTIMIZED else '', symbol), internal=True)
        self.silent = True
        self.probe = probe

    def stop(self):
        hits.append(self)
        return True

    def report(self):
        self.probe.calls += 1
        call = '%s#%d' % (self.probe.name, self.probe.calls)
        for expr in self.probe.ins:
            put(call, 'in', expr, evaluate(expr))
        if backtraces:
            put_backtrace(call)
        frame = gdb.newest_frame()
        kind = Finish if frame.older().type() == gdb.NORMAL_FRAME else FinishByHand
        kind(frame, Return(frame, self.probe, call))


def run():
    gdb.Breakpoint('target_start', temporary=True)
    gdb.execute('run < /dev/null > /dev/null')
    for symbol in os.environ['SYMBOLS'].split():
        name = symbol.split('.')[0]
        if name in probes and not symbol.endswith('.cold'):
            Entry(symbol, probes[name])
    while True:
        hits.clear()
        gdb.execute('continue')
        if not gdb.selected_inferior().pid:
            break
        # Returns first: the next call may begin where the last one returned to.
        for hit in sorted(hits, key=lambda h: isinstance(h, Entry)):
            hit.report()


for setting in ('pagination off', 'confirm off', 'debuginfod enabled off', 'startup-with-shell on',
                'width 0', 'print elements 200', 'print symbol off', 'disable-randomization on'):
    gdb.execute('set ' + setting)
gdb.execute('unset environment')
gdb.execute('file ' + os.environ['TARGET'])
run()
output.close()
os.rename(output.name, os.environ['OUTPUT'])
