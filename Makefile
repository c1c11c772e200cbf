# virtrace: build, check, install.
#
#   make                 build/virtrace
#   make check           unit tests, each linked only with its own layer and those below
#   make check-targets   compare with gdb what is recorded of the target programs
#   make bench           measure side by side with gdb, bpftrace and others (tests/bench)
#   make tidy            clang-tidy and cppcheck
#   make fuzz            hostile input for FUZZ_SECONDS each (60); FUZZ=NAME… only these of tests/fuzz
#   make check-fuzz      what was found once, again
#   make man             the man pages, with scdoc, in build/man/
#   make install         PREFIX=/usr/local, DESTDIR= respected; man pages if there is scdoc
#   make SAN=1 …         AddressSanitizer and UndefinedBehaviorSanitizer, objects in build-san/
#   make KILL=1 …        with places to be killed at (tracer/base/killpoint.h), objects in build-kill/
#   make CC=clang BUILD=build-clang …
#
# Objects are made below $(BUILD); the source tree stays clean.

VERSION := 0.1.0
PREFIX  ?= /usr/local
CC      ?= gcc
SAN     ?=
KILL    ?=
# a comma that may stand in an argument of a make function
, := ,
BUILD   ?= build$(if $(SAN),-san)$(if $(KILL),-kill)
# Not for users: the sanitizers to build with, and whether the code is to be led by libFuzzer.
SANITIZE := $(if $(SAN)$(FUZZER),address$(,)undefined)$(if $(FUZZER),$(,)fuzzer-no-link)

CFLAGS  ?= -O2 -g
WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
           -Wwrite-strings -Wvla -Werror
# A sanitizer finds more at -O1, and alone decides what a stack looks like.
ALLCFLAGS := -std=gnu17 $(WARN) $(CFLAGS) -I. -MMD -MP -D_GNU_SOURCE -DVERSION='"$(VERSION)"' \
             $(if $(KILL),-DVIRTRACE_KILL_POINTS) $(if $(SANITIZE),-O1 -fno-omit-frame-pointer -fsanitize=$(SANITIZE) -fno-sanitize-recover=undefined)
LDFLAGS += $(if $(SANITIZE),-fsanitize=$(SANITIZE))

# Layers from the lowest to the highest; each may use itself and those before it in NEEDS_.
LAYERS  := base symbols remote probe trace selftest record review cmd
folder   = $(if $(filter symbols,$1),symbols,tracer/$1)
NEEDS_base    :=
NEEDS_symbols := schema base
NEEDS_remote  := base
NEEDS_probe   := remote symbols schema base
# schema is one file of symbols, symbols/schema.c: all that trace and review may see of it
NEEDS_trace   := schema base
NEEDS_selftest := trace probe remote symbols schema base
NEEDS_record  := trace probe remote symbols schema base
NEEDS_review  := trace schema base
NEEDS_cmd     := review record selftest trace probe remote symbols schema base
LIBS_symbols  := -ldw -lelf -llzma -lz -lZydis
LIBS_probe    := -lunwind-x86_64 -lunwind -lZydis
LIBS_trace    := -lbabeltrace2 -ljson-c -larchive
LIBS_review   := -larchive -lm -lz
LIBS_record   := -linih
libs_of  = $(sort $(foreach l,$1 $(NEEDS_$1),$(LIBS_$l)))
archive  = $(BUILD)/lib$1.a
archives = $(foreach l,$1 $(NEEDS_$1),$(call archive,$l))

src      = $(filter-out symbols/schema.c tracer/cmd/main.c,$(wildcard $(call folder,$1)/*.c $(call folder,$1)/*/*.c))
objs     = $(patsubst %.c,$(BUILD)/%.o,$1)

.PHONY: all always check check-kill check-targets bench tidy man install install-man clean
.DELETE_ON_ERROR:
.SECONDARY:
all: $(BUILD)/virtrace

define layer_rules
$(call archive,$1): $(call objs,$(call src,$1))
	$$(Q)rm -f $$@ && ar rcs $$@ $$^
endef
$(foreach l,$(LAYERS),$(eval $(call layer_rules,$l)))
$(call archive,schema): $(BUILD)/symbols/schema.o
	$(Q)rm -f $@ && ar rcs $@ $^

Q := $(if $(V),,@)
$(BUILD)/%.o: %.c Makefile
	$(Q)mkdir -p $(@D)
	$(if $(V),,@echo "  CC    $<")
	$(Q)$(CC) $(ALLCFLAGS) -c -o $@ $<

# Where the presets are: compiled anew when it is installed elsewhere.
$(BUILD)/tracer/record/config_dirs.o: ALLCFLAGS += -DDATA_DIR='"$(PREFIX)/share/virtrace"'
$(BUILD)/tracer/record/config_dirs.o: $(BUILD)/prefix
$(BUILD)/prefix: always
	$(Q)mkdir -p $(@D)
	$(Q)echo '$(PREFIX)' | cmp -s - $@ || echo '$(PREFIX)' >$@

# Code that is copied into the traced process: on its own there, see the file's head.
$(BUILD)/tracer/probe/inside.o: ALLCFLAGS += -Os -fPIE -mgeneral-regs-only -fno-stack-protector -fno-jump-tables -fno-builtin \
	-fcf-protection=branch -fno-sanitize=all

# What `virtrace selftest` traces has to be found by name in a stripped program.
$(BUILD)/virtrace: $(BUILD)/tracer/cmd/main.o $(call archives,cmd)
	$(if $(V),,@echo "  LINK  $@")
	$(Q)$(CC) $(LDFLAGS) -Wl,--export-dynamic-symbol='virtrace_selftest_*' -o $@ $^ $(call libs_of,cmd)

# The page of `export -f html`, a part of the program.
PAGE := $(BUILD)/tracer/review/export/html/page
$(PAGE).head $(PAGE).tail &: $(wildcard tracer/review/export/html/*)
	$(Q)mkdir -p $(@D)
	$(if $(V),,@echo "  PAGE  $(PAGE)")
	$(Q)./tracer/review/export/html/assemble $(PAGE)
$(BUILD)/tracer/review/export/html_page.o: ALLCFLAGS += -DHTML_PAGE='"$(PAGE)"'
$(BUILD)/tracer/review/export/html_page.o: $(PAGE).head $(PAGE).tail

# Unit tests: tests/unit/LAYER/test_NAME.c, one program each.
UNIT := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(wildcard tests/unit/*/test_*.c))
define unit_rules
$(BUILD)/tests/unit/$1/%: $(BUILD)/tests/unit/$1/%.o $(call archives,$1)
	$$(if $$(V),,@echo "  LINK  $$@")
	$$(Q)$$(CC) $$(LDFLAGS) -o $$@ $$^ -lcmocka $(call libs_of,$1)
check-$1: $(filter $(BUILD)/tests/unit/$1/%,$(UNIT))
	$$(Q)./scripts/run-units $$^
.PHONY: check-$1
endef
$(foreach l,$(LAYERS),$(eval $(call unit_rules,$l)))

# ---- tests of the engine: they trace victims (tests/engine/NAME.c), compiled plainly, as a stranger's programs would be
VICTIMS := $(patsubst tests/engine/%.c,$(BUILD)/tests/engine/%,$(filter-out tests/engine/harness.c,$(wildcard tests/engine/*.c)))
$(VICTIMS): $(BUILD)/tests/engine/%: tests/engine/%.c $(wildcard tests/engine/*.h tests/engine/*.inc) Makefile
	$(Q)mkdir -p $(@D)
	$(if $(V),,@echo "  CC    $<")
	$(Q)gcc -std=gnu17 -O2 -g -mavx -I. -D_GNU_SOURCE -w -rdynamic $(if $(findstring /lib_,$@),-shared -fPIC) -o $@ $< -lpthread
$(BUILD)/tests/engine/harness.o $(BUILD)/tests/unit/probe/test_engine%.o: ALLCFLAGS += -DVICTIM_DIR='"$(abspath $(BUILD))/tests/engine"'
$(BUILD)/tests/unit/probe/test_engine%: $(BUILD)/tests/unit/probe/test_engine%.o $(BUILD)/tests/engine/harness.o \
		$(call archives,probe) | $(VICTIMS)
	$(if $(V),,@echo "  LINK  $@")
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(call libs_of,probe)
-include $(BUILD)/tests/engine/harness.d
$(BUILD)/tests/engine/throws: tests/engine/throws.cc $(wildcard tests/engine/*.h) Makefile
	$(Q)mkdir -p $(@D)
	$(if $(V),,@echo "  CXX   $<")
	$(Q)g++ -O2 -g -I. -D_GNU_SOURCE -w -fpermissive -o $@ $<
$(BUILD)/tests/unit/probe/test_engine_special: | $(BUILD)/tests/engine/throws

# Killing virtrace (tests/kill/kill.c): with KILL=1 at every place there is, else at random moments.
$(BUILD)/tests/kill/%.o: ALLCFLAGS += -DVICTIM_DIR='"$(abspath $(BUILD))/tests/engine"' -DVIRTRACE='"$(abspath $(BUILD))/virtrace"'
$(BUILD)/tests/kill/kill: $(BUILD)/tests/kill/kill.o $(BUILD)/tests/kill/aftermath.o $(BUILD)/tests/engine/harness.o $(call archives,probe) | $(VICTIMS) $(BUILD)/virtrace
	$(if $(V),,@echo "  LINK  $@")
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(call libs_of,probe)
check-kill: $(BUILD)/tests/kill/kill
	$(Q)./scripts/run-units $^
# ----

# ---- tests of reviewing: traces that are made, not recorded
$(BUILD)/tests/review/%: $(BUILD)/tests/review/%.o $(call archives,trace)
	$(if $(V),,@echo "  LINK  $@")
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(call libs_of,trace)

# ---- fuzzing: tests/fuzz/NAME.c, one program each; objects in build-fuzz/
FUZZERS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*.c))
FUZZ    ?= $(FUZZERS)
FUZZ_SECONDS ?= 60
fuzz check-fuzz:
	$(Q)$(MAKE) --no-print-directory CC=clang BUILD=build-fuzz FUZZER=1 fuzzers
	$(Q)./scripts/fuzz $(if $(filter fuzz,$@),$(FUZZ_SECONDS),0) $(FUZZ)
fuzzers: $(FUZZERS:%=$(BUILD)/tests/fuzz/%)
$(BUILD)/tests/fuzz/%.o: ALLCFLAGS += -DSAMPLE_DIR='"$(abspath $(BUILD))/tests/fuzz/samples"'
$(BUILD)/tests/fuzz/%: $(BUILD)/tests/fuzz/%.o $(call archives,cmd)
	$(if $(V),,@echo "  LINK  $@")
	$(Q)$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(call libs_of,cmd)
.PHONY: fuzz check-fuzz fuzzers
# ----

check: $(UNIT)
	$(Q)./scripts/run-units $(UNIT)

check-targets: $(BUILD)/virtrace
	$(Q)BUILD=$(BUILD) ./tests/targets/run

# ---- benchmarks: what they trace is compiled plainly, and once more with what uftrace needs
BENCH := $(addprefix $(BUILD)/tests/bench/,victim victim-pg floor)
$(BENCH): tests/bench/work.c tests/bench/work.h Makefile
	$(Q)mkdir -p $(@D)
	$(if $(V),,@echo "  CC    $<")
	$(Q)gcc -std=gnu17 -O2 -g -D_GNU_SOURCE $(WARN) $(if $(findstring -pg,$@),-pg) -o $@ $(filter %.c,$^) -lpthread
$(filter %/floor,$(BENCH)): tests/bench/floor.c
$(filter-out %/floor,$(BENCH)): tests/bench/victim.c
bench: $(BUILD)/virtrace $(BUILD)/tests/review/generate $(BENCH)
	$(Q)BUILD=$(BUILD) ./tests/bench/run
# ----

SOURCES := $(wildcard tracer/*/*.c tracer/*/*/*.c symbols/*.c)
tidy:
	$(Q)./scripts/tidy $(SOURCES)

# ---- man pages and installing
MAN := $(patsubst docs/%.scd,$(BUILD)/man/%,$(wildcard docs/*.scd))
man: $(MAN)
$(BUILD)/man/%: docs/%.scd
	$(Q)mkdir -p $(@D)
	$(if $(V),,@echo "  MAN   $@")
	$(Q)scdoc <$< >$@

SHARE := $(DESTDIR)$(PREFIX)/share
install: $(BUILD)/virtrace
	install -D -m 755 $(BUILD)/virtrace $(DESTDIR)$(PREFIX)/bin/virtrace
	install -D -m 644 -t $(SHARE)/virtrace/presets tracer/presets/*.ini
	install -D -m 644 -t $(SHARE)/virtrace/decoders tracer/decoders/*.ini
	install -D -m 644 -t $(SHARE)/doc/virtrace README.md SECURITY.md LICENSE
	install -D -m 644 docs/completion/virtrace.bash $(SHARE)/bash-completion/completions/virtrace
	install -D -m 644 -t $(SHARE)/zsh/site-functions docs/completion/_virtrace
	install -D -m 644 -t $(SHARE)/fish/vendor_completions.d docs/completion/virtrace.fish
	@if command -v scdoc >/dev/null; then $(MAKE) --no-print-directory install-man; else \
		echo "The man pages are not installed: scdoc, which makes them, is not there."; fi

install-man: $(MAN)
	install -D -m 644 -t $(SHARE)/man/man1 $(filter %.1,$^)
	install -D -m 644 -t $(SHARE)/man/man5 $(filter %.5,$^)

clean:
	rm -rf $(BUILD)

-include $(wildcard $(BUILD)/*/*.d $(BUILD)/*/*/*.d $(BUILD)/*/*/*/*.d)
