# What gdb says about the types of variables and about functions, in the format that the tests print.
#   gdb -batch -iex 'set debuginfod enabled off' -x oracle.py PROGRAM -ex 'oracle-types v_int v_list …'
import gdb

gdb.execute("set width 0")
STRUCTS = (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION)


def spell(type):
    # gdb 13 canonicalizes clang's "unsigned __int128" to what is no C
    return str(type).replace("unsigned int __int128", "unsigned __int128")


def dump_fields(type, indent):
    type = type.strip_typedefs()
    if type.code in STRUCTS:
        for f in type.fields():
            name = f.name if f.name else "-"
            print("%s.%s @%d:%d %s %d" % (indent, name, f.bitpos, f.bitsize, spell(f.type), f.type.sizeof))
            if f.type.strip_typedefs().code in STRUCTS and len(indent) < 6:
                dump_fields(f.type, indent + " ")
    elif type.code == gdb.TYPE_CODE_ENUM:
        for f in type.fields():
            print("%s%s = %d" % (indent, f.name, f.enumval))


class OracleTypes(gdb.Command):
    def __init__(self):
        super().__init__("oracle-types", gdb.COMMAND_DATA)

    def invoke(self, arg, tty):
        for name in gdb.string_to_argv(arg):
            symbol = gdb.lookup_global_symbol(name) or gdb.lookup_static_symbol(name)
            if not symbol:
                print("%s: none" % name)
                continue
            type = symbol.type
            print("%s: %s %d" % (name, spell(type), type.sizeof))
            dump_fields(type, " ")
            if type.code == gdb.TYPE_CODE_PTR:
                target = type.target().strip_typedefs()
                dump_fields(target, " *")


def function_at(addr):
    """The function that is really there: what is inlined at its start is a block further in."""
    block = gdb.block_for_pc(addr)
    while block and not block.is_static and not block.is_global:
        if block.function and not block.function.value().is_optimized_out:
            if int(block.function.value().address) == addr:
                return block
        block = block.superblock
    return None


class OracleFunctions(gdb.Command):
    def __init__(self):
        super().__init__("oracle-functions", gdb.COMMAND_DATA)

    def invoke(self, arg, tty):
        for addr in gdb.string_to_argv(arg):
            block = function_at(int(addr, 16))
            if not block:
                print("%s none" % addr)
                continue
            symbol = block.function
            # gdb lists a clone's parameters in another order, and some of them twice
            args = sorted({"%s: %s" % (s.name, spell(s.type)) for s in block if s.is_argument})
            print("%s %s %s:%d %s (%s)" % (addr, symbol.name, symbol.symtab.filename.split("/")[-1], symbol.line,
                                          spell(symbol.type.target()), "; ".join(args)))


OracleTypes()
OracleFunctions()
