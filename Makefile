# vmtrace: `make help` lists the targets.
#
# Variables: V=1 shows commands, WERROR=1 makes warnings errors, BUILD=DIR puts
# the objects elsewhere, OUT=DIR/ the products, T=NAME picks one test, N=COUNT
# the copies of `make demo`.  `make install` honours DESTDIR, PREFIX, LIBDIR.
VERSION := 0.1.0
CC ?= cc
BUILD ?= build
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
N ?= 2

Q := $(if $(V),,@)
ARCH := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine)))

comma := ,
# SAN=address and the like: a build of everything but the library, in a tree of its own.
SAN_FLAGS := $(if $(SAN),-fsanitize=$(SAN)$(if $(LIBFUZZER),$(comma)fuzzer-no-link) -fno-sanitize-recover=all -fno-omit-frame-pointer)
WARN := -Wall -Wextra -Wundef -Wshadow -Wstrict-prototypes -Wmissing-prototypes $(if $(WERROR),-Werror)
STD := -std=gnu17 -D_GNU_SOURCE -DVMTRACE_VERSION='"$(VERSION)"' -Iinclude
COMPILE = $(CC) $(STD) $(CFLAGS) $(SAN_FLAGS) $(WARN) -MMD -MP
LINK = $(CC) $(CFLAGS) $(SAN_FLAGS) $(LDFLAGS)
LINK_LIBRARY = $(CC) -shared $(CFLAGS) $(LDFLAGS) -Wl,-z,now,-z,relro,-z,defs,-soname,libvmtrace.so
# The library is called from the middle of everything: no stack protector (it needs TLS that may not be there),
# initial-exec TLS (no call to __tls_get_addr, which allocates), no built-in knowledge of malloc inside malloc, and no
# sibling calls: a hook's frame is there as long as what it called runs.  No vectors made of neighbouring words (slp):
# a walk has its pc and sp in registers, and would pass them through a vector register at each frame.
PRELOAD_FLAGS := -Ipreload -fPIC -fvisibility=hidden -ftls-model=initial-exec -fno-builtin-malloc \
  -fno-stack-protector -fno-optimize-sibling-calls -fno-tree-slp-vectorize

# NAME_x86_64.c and NAME_aarch64.c: only the one of this machine is built.
OTHER_ARCH := $(filter-out %_$(ARCH).c,$(wildcard preload/*/*_x86_64.c preload/*/*_aarch64.c))
# Assertions of a debug build alone.
DEBUG_ONLY := preload/base/lock_check.c
PRELOAD_SRC := $(filter-out $(OTHER_ARCH) $(DEBUG_ONLY),$(wildcard preload/*/*.c))
ANALYZER_SRC := $(wildcard analyzer/*/*.c analyzer/*/*/*.c)
LIBUNWIND_IMAGE := $(BUILD)/preload/unwind/libunwind_image_data
PRELOAD_OBJ := $(PRELOAD_SRC:%.c=$(BUILD)/%.o) $(LIBUNWIND_IMAGE).o
DEBUG_OBJ := $(patsubst %.c,$(BUILD)/debug/%.o,$(PRELOAD_SRC) $(DEBUG_ONLY)) $(LIBUNWIND_IMAGE).o
ANALYZER_OBJ := $(ANALYZER_SRC:%.c=$(BUILD)/%.o)
ANALYZER_LIBS := -lsqlite3 -lzstd -ldw -lelf -liberty -lm -pthread
DEMOS := $(patsubst %.c,$(BUILD)/%,$(filter-out demos/mem.c,$(wildcard demos/*.c)))

# Tests.  A file with a main() is a program, check_*.c runs under `make check`; all others are linked where needed.
TEST_SRC := $(wildcard tests/unit/*.c tests/e2e/*.c tests/bench/*.c tests/fuzz/*.c)
MAIN := ^int main[(]
TEST_MAIN := $(if $(TEST_SRC),$(shell grep -lE '$(MAIN)' $(TEST_SRC)))
TEST_HELP := $(filter-out $(TEST_MAIN) tests/fuzz/fuzz_%.c,$(TEST_SRC))
UNIT := $(patsubst %.c,$(BUILD)/%,$(filter tests/unit/check_%,$(TEST_MAIN)))
E2E := $(patsubst %.c,$(BUILD)/%,$(filter tests/e2e/check_%,$(TEST_MAIN)))
BENCH := $(patsubst %.c,$(BUILD)/%,$(filter tests/bench/%,$(TEST_MAIN)))
FUZZ := $(patsubst %.c,$(BUILD)/%,$(filter tests/fuzz/%,$(TEST_MAIN)))
PROGS := $(patsubst tests/progs/%.c,$(BUILD)/progs/%,$(wildcard tests/progs/*.c)) $(BUILD)/progs/mem-nopie $(BUILD)/progs/malloc_pointer-nopie
ARCHIVES := $(BUILD)/libtests.a $(BUILD)/libpreload.a $(BUILD)/libanalyzer.a
UNIT_ARCHIVES := $(BUILD)/libtests.a $(BUILD)/libpreload-debug.a $(BUILD)/libanalyzer.a
DEBUG_LIBRARY := $(BUILD)/libvmtrace-debug.so
CHECK_LIBS = $(shell pkg-config --libs check)

# They read the stack frames of other functions, which is what AddressSanitizer is there to forbid.
ASAN_NOT := check_unwind check_unwind_truth
# Test programs whose subject runs in several threads at once: what ThreadSanitizer has to see.  The rest of frames/ is
# not: its pictures belong to the helper alone, a bare clone that ThreadSanitizer does not know.
# One takes memory away from threads at work, whose path to malloc has no atomic operation: what makes it right is that
# the other side waits for them and looks again (preload/heap/withdraw.c), which ThreadSanitizer cannot see.
TSAN_NOT := check_heap_withdraw
TSAN_TESTS := check_base% check_pack% check_heap% check_trace% check_frames_helper%

# What user-mode emulation does not offer: page frames, and threads that share no descriptors.
EMULATED_NOT := check_frames_helper check_frames_helper_life check_frames_sample check_frames_source check_samples

DEPS_BUILD := $(BUILD)/.deps-build
DEPS_CHECK := $(BUILD)/.deps-check

all: $(OUT)libvmtrace.so $(OUT)vmtrace $(OUT)mem $(DEMOS) ## build libvmtrace.so, vmtrace and mem (the default)

$(OUT)libvmtrace.so: $(PRELOAD_OBJ)
	$(Q)$(LINK_LIBRARY) -o $@ $(PRELOAD_OBJ)

# The library that asserts its own rules; the end-to-end tests of these run with it.
$(DEBUG_LIBRARY): $(DEBUG_OBJ)
	$(Q)$(LINK_LIBRARY) -o $@ $(DEBUG_OBJ)

# Sanitizers bring a malloc of their own, and so does each test program.
VMTRACE_OBJ := $(BUILD)/analyzer/main.o $(if $(SAN),,$(BUILD)/analyzer/libraries_malloc.o)
$(OUT)vmtrace: $(ANALYZER_OBJ) $(VMTRACE_OBJ)
	$(Q)$(LINK) -o $@ $^ $(ANALYZER_LIBS)

$(OUT)mem: demos/mem.c | $(DEPS_BUILD)
	$(Q)$(CC) $(STD) $(CFLAGS) $(WARN) -o $@ $<

$(BUILD)/demos/%: demos/%.c | $(DEPS_BUILD)
	@mkdir -p $(@D)
	$(Q)$(CC) $(STD) $(CFLAGS) $(WARN) -o $@ $<

$(BUILD)/preload/%.o: preload/%.c | $(DEPS_BUILD)
	@mkdir -p $(@D)
	$(Q)$(COMPILE) $(PRELOAD_FLAGS) -c -o $@ $<

$(BUILD)/debug/preload/%.o: preload/%.c | $(DEPS_BUILD)
	@mkdir -p $(@D)
	$(Q)$(COMPILE) $(PRELOAD_FLAGS) -DVMTRACE_DEBUG -c -o $@ $<

# The system's libunwind becomes a part of the library: see preload/unwind/libunwind_image.h.
$(LIBUNWIND_IMAGE).s: preload/unwind/libunwind_image.awk preload/unwind/libunwind_imports.c | $(DEPS_BUILD)
	@mkdir -p $(@D)
	$(Q)so=$$(realpath $$($(CC) -print-file-name=libunwind-$(ARCH).so)) && LC_ALL=C readelf -lrW --dyn-syms $$so | \
	  awk -v file=$$so -f $^ - >$@

$(LIBUNWIND_IMAGE).o: $(LIBUNWIND_IMAGE).s
	$(Q)$(CC) -c -o $@ $<

$(BUILD)/analyzer/%.o: analyzer/%.c | $(DEPS_BUILD)
	@mkdir -p $(@D)
	$(Q)$(COMPILE) -Ianalyzer -c -o $@ $<

$(BUILD)/tests/%.o: tests/%.c | $(DEPS_CHECK)
	@mkdir -p $(@D)
	$(Q)$(COMPILE) -Ipreload -Ianalyzer -Itests/unit -Itests/e2e -Idemos -c -o $@ $<

# Archives, so that each test takes the objects that it needs and no more.  Of the library, all but the room that
# defines malloc: a test keeps its own.  Unit tests take those that assert the library's rules.
$(BUILD)/libpreload-debug.a: $(filter-out $(BUILD)/debug/preload/entry/%,$(DEBUG_OBJ))
$(UNIT:%=%.o): STD += -DVMTRACE_DEBUG
$(BUILD)/libpreload.a: $(filter-out $(BUILD)/preload/entry/%,$(PRELOAD_OBJ))
$(BUILD)/libanalyzer.a: $(ANALYZER_OBJ)
$(BUILD)/libtests.a: $(TEST_HELP:%.c=$(BUILD)/%.o)
$(sort $(ARCHIVES) $(UNIT_ARCHIVES)): | $(DEPS_BUILD)
	$(Q)rm -f $@; $(AR) rcs $@ $^

FUZZERS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
$(FUZZERS): %: %.o $(ARCHIVES)
	$(Q)$(LINK) -fsanitize=fuzzer -o $@ $< -Wl,--start-group $(ARCHIVES) -Wl,--end-group $(ANALYZER_LIBS) -ldl -pthread

$(BENCH) $(FUZZ): %: %.o $(ARCHIVES)
	$(Q)$(LINK) -o $@ $< -Wl,--start-group $(ARCHIVES) -Wl,--end-group -Wl,--as-needed $(ANALYZER_LIBS) -ljansson -lm -ldl -pthread

$(UNIT): %: %.o $(UNIT_ARCHIVES)
	$(Q)$(LINK) -o $@ $< -Wl,--start-group $(UNIT_ARCHIVES) -Wl,--end-group -Wl,--as-needed \
	  $(CHECK_LIBS) $(ANALYZER_LIBS) -ljansson -lunwind -lm -ldl -pthread

# These only start programs: nothing of the library or the analyzer is in them.
$(E2E): %: %.o $(BUILD)/libtests.a
	$(Q)$(LINK) -o $@ $^ $(CHECK_LIBS) -ljansson -lm -pthread

# What the end-to-end tests run under the library.  -fno-builtin: a compiler may drop a malloc that it sees through.
$(BUILD)/progs/%: tests/progs/%.c | $(DEPS_BUILD)
	@mkdir -p $(@D)
	$(Q)$(CC) $(STD) -O1 -g -fno-builtin $(WARN) -MMD -MP -o $@ $< -pthread -ldl

$(BUILD)/progs/mem-nopie: demos/mem.c
$(BUILD)/progs/malloc_pointer-nopie: tests/progs/malloc_pointer.c
$(BUILD)/progs/mem-nopie $(BUILD)/progs/malloc_pointer-nopie: | $(DEPS_BUILD)
	@mkdir -p $(@D)
	$(Q)$(CC) $(STD) $(CFLAGS) -fno-builtin $(WARN) -no-pie -fno-pie -o $@ $<

# What the build and the tests need from the system, installed or named (see .ci/deps).
$(DEPS_CHECK): $(DEPS_BUILD)
$(DEPS_BUILD) $(DEPS_CHECK): $(BUILD)/.deps-%: .ci/deps
	@mkdir -p $(@D)
	$(Q)CC="$(CC)" .ci/deps $* && touch $@

demo: all ## run N=2 copies of mem side by side for three seconds, then show their pages; D=cow, lazy, shared: another
	@rm -rf $(BUILD)/demo && mkdir -p $(BUILD)/demo
	./vmtrace run -o $(BUILD)/demo $(if $(D),-- $(BUILD)/demos/$(D),-n $(N) --watch=0x200000:int -- ./mem 3)
	@echo
	./vmtrace pages $(BUILD)/demo/*.vmt

CHECKED := $(if $(T),$(filter %/check_$(T:check_%=%),$(UNIT) $(E2E)),$(UNIT) $(E2E))
check: all $(DEBUG_LIBRARY) $(CHECKED) $(PROGS) ## run the tests; T=name runs one of them, with all its output
	$(Q)E2E_BUILD=$(BUILD) tests/run.sh $(if $(T),-v) $(CHECKED)

check-compare: all $(E2E) $(PROGS) ## the end-to-end tests with every call stack compared to libunwind's own
	$(Q)E2E_BUILD=$(BUILD) E2E_UNWIND=compare CK_TIMEOUT_MULTIPLIER=10 tests/run.sh $(E2E)

check-debug: all $(DEBUG_LIBRARY) $(E2E) $(PROGS) ## the end-to-end tests with the library that asserts its own rules
	$(Q)E2E_BUILD=$(BUILD) E2E_LIBRARY=$(DEBUG_LIBRARY) CK_TIMEOUT_MULTIPLIER=3 tests/run.sh $(E2E)

check-unit: $(UNIT)
	$(Q)E2E_BUILD=$(BUILD) tests/run.sh $(UNIT)

guards: ## take each guard out of a copy of the tree and see its test fail (tests/guards); G=name runs one
	$(Q)set -f; tests/guards/guards.sh $(BUILD) $(G)

bench: all $(BENCH) ## measure against other allocators and tracers; BENCH_ARGS= goes to the driver
	$(Q)$(BUILD)/tests/bench/bench $(BENCH_ARGS)

matrix: all $(BUILD)/matrix/measure ## real programs in every mode of the library, compared with themselves untraced; M=name runs one
	$(Q).ci/deps matrix
	$(Q)tests/matrix/matrix.sh $(if $(M),$(M),-r)

soak: all ## redis and PostgreSQL for SOAK_MINUTES=30 each, traced beside untraced: throughput, own memory; S=name runs one
	$(Q).ci/deps matrix
	$(Q)tests/soak/soak.sh $(S)

reload: all ## gunicorn, php-fpm, nginx, PostgreSQL reloaded and stopped RELOADS=250 times each, traced; S=name runs one
	$(Q).ci/deps reload
	$(Q)tests/soak/reload.sh $(S)

$(BUILD)/matrix/measure: tests/matrix/measure.c | $(DEPS_BUILD)
	@mkdir -p $(@D)
	$(Q)$(CC) $(STD) $(CFLAGS) $(WARN) -o $@ $<

lint: ## warnings as errors, layers, layout, exported symbols, manual pages
	$(Q)$(MAKE) --no-print-directory BUILD=build/lint OUT=build/lint/ WERROR=1 lint-build
	$(Q)tests/lint/lint.sh build/lint

lint-build: all $(UNIT) $(E2E) $(BENCH) $(FUZZ) $(PROGS) $(BUILD)/matrix/measure

format: ## lay out all C files as .clang-format says
	clang-format -i $$(git ls-files '*.c' '*.h')

asan: ## unit tests, analyzer and mutations under AddressSanitizer
	$(Q)$(MAKE) --no-print-directory BUILD=build/asan OUT=build/asan/ SAN=address CFLAGS="-O1 -g" san-run

ubsan: ## unit tests, analyzer and mutations under UndefinedBehaviorSanitizer
	$(Q)$(MAKE) --no-print-directory BUILD=build/ubsan OUT=build/ubsan/ SAN=undefined CFLAGS="-O1 -g" san-run

tsan: ## unit tests of the concurrent rooms under ThreadSanitizer
	$(Q)$(MAKE) --no-print-directory BUILD=build/tsan OUT=build/tsan/ SAN=thread CFLAGS="-O1 -g" tsan-run

fuzz: ## 100,000 mutated traces through the analyzer, then make libfuzzer
	$(Q)$(MAKE) --no-print-directory BUILD=build/fuzz OUT=build/fuzz/ SAN=address,undefined CFLAGS="-O1 -g" fuzz-run
	$(Q)$(MAKE) --no-print-directory libfuzzer

fuzz-run: $(FUZZ)
	$(Q)$(BUILD)/tests/fuzz/mutate -j $(shell nproc)

# What libFuzzer finds stays in build/libfuzzer and is the start of the next run.
FUZZ_SECONDS ?= 60
# Warnings that gcc does not have are no errors here.
FUZZ_MAKE := $(MAKE) --no-print-directory CC=clang CFLAGS="-O1 -g" LIBFUZZER=1 WERROR=
libfuzzer: all $(BUILD)/progs/owners ## libFuzzer on the reader and on the heap, FUZZ_SECONDS=60 each
	$(Q).ci/deps fuzz && tests/fuzz/corpus.sh $(BUILD) build/libfuzzer
	+$(Q)$(FUZZ_MAKE) BUILD=build/libfuzzer/reader-build SAN=address,undefined build/libfuzzer/reader-build/tests/fuzz/fuzz_reader
	+$(Q)$(FUZZ_MAKE) BUILD=build/libfuzzer/heap-build SAN=undefined build/libfuzzer/heap-build/tests/fuzz/fuzz_heap
	$(Q)tests/fuzz/libfuzzer.sh build/libfuzzer $(FUZZ_SECONDS)

# Memory accesses that are looked at cost an order of magnitude more.
SAN_SHARE := $(if $(filter undefined,$(SAN)),1,10)
SAN_UNIT := $(filter-out $(if $(filter address,$(SAN)),$(ASAN_NOT:%=$(BUILD)/tests/unit/%)),$(UNIT))
san-run: $(SAN_UNIT) $(FUZZ) $(OUT)vmtrace
	$(Q)E2E_BUILD=$(BUILD) VMTRACE_TEST_SHARE=$(SAN_SHARE) tests/run.sh $(SAN_UNIT)
	$(Q)$(BUILD)/tests/fuzz/mutate -n 1000 -j $(shell nproc)

tsan-run: $(filter-out $(TSAN_NOT:%=$(BUILD)/tests/unit/%),$(filter $(TSAN_TESTS:%=$(BUILD)/tests/unit/%),$(UNIT)))
	$(Q)E2E_BUILD=$(BUILD) VMTRACE_TEST_SHARE=$(SAN_SHARE) tests/run.sh $^

# The C compiler and the libraries of another Debian architecture, beside this system's own.
ARM64_ROOT := build/root-arm64
ARM64_RUN := qemu-aarch64 -L $(ARM64_ROOT)
aarch64: ## a build for aarch64 by Debian's cross compiler; its unit tests under qemu-user
	$(Q).ci/deps cross && .ci/sysroot arm64 $(ARM64_ROOT)
	@mkdir -p build/aarch64 && touch build/aarch64/.deps-build build/aarch64/.deps-check
	$(Q)PKG_CONFIG_LIBDIR=$(ARM64_ROOT)/usr/lib/aarch64-linux-gnu/pkgconfig $(MAKE) --no-print-directory \
	  BUILD=build/aarch64 OUT=build/aarch64/ CC="aarch64-linux-gnu-gcc --sysroot=$(CURDIR)/$(ARM64_ROOT)" aarch64-run

aarch64-run: all $(UNIT)
	$(Q)E2E_BUILD=$(BUILD) CC=cc CK_TIMEOUT_MULTIPLIER=8 VMTRACE_TEST_EMULATED=1 VMTRACE_TEST_SHARE=5 \
	  TEST_UNDER="$(ARM64_RUN)" tests/run.sh $(filter-out $(EMULATED_NOT:%=$(BUILD)/tests/unit/%),$(UNIT))
	rm -f $(BUILD)/mem.vmt && VMTRACE_OUT=$(BUILD)/mem.vmt $(ARM64_RUN) -E LD_PRELOAD=$(OUT)libvmtrace.so $(OUT)mem 1
	$(ARM64_RUN) $(OUT)vmtrace heap $(BUILD)/mem.vmt

# Where bash, zsh and fish look for completion, below share/.
COMPLETION := bash-completion/completions/vmtrace zsh/site-functions/_vmtrace fish/vendor_completions.d/vmtrace.fish
install: all ## install under $(DESTDIR)$(PREFIX)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(PREFIX)/include/vmtrace
	install -d $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man3 $(DESTDIR)$(PREFIX)/share/doc/vmtrace
	install -m 755 vmtrace $(DESTDIR)$(PREFIX)/bin/
	install -m 755 libvmtrace.so $(DESTDIR)$(LIBDIR)/
	install -m 644 include/vmtrace/*.h $(DESTDIR)$(PREFIX)/include/vmtrace/
	install -m 644 analyzer/man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	install -m 644 analyzer/man/*.3 $(DESTDIR)$(PREFIX)/share/man/man3/
	install -d $(addprefix $(DESTDIR)$(PREFIX)/share/,$(dir $(COMPLETION)))
	./vmtrace completion bash >$(DESTDIR)$(PREFIX)/share/$(word 1,$(COMPLETION))
	./vmtrace completion zsh >$(DESTDIR)$(PREFIX)/share/$(word 2,$(COMPLETION))
	./vmtrace completion fish >$(DESTDIR)$(PREFIX)/share/$(word 3,$(COMPLETION))
	chmod 644 $(addprefix $(DESTDIR)$(PREFIX)/share/,$(COMPLETION))
	install -m 644 README.md LICENSE $(wildcard include/vmtrace/FORMAT.md) $(DESTDIR)$(PREFIX)/share/doc/vmtrace/
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/vmtrace/analyzer/man analyzer/man/heap-flame.svg analyzer/man/two-spaces.svg
	printf '%s\n' 'prefix=$(PREFIX)' 'libdir=$(LIBDIR)' 'includedir=$${prefix}/include' \
	  '# LD_PRELOAD=this: there is nothing to link with, see vmtrace.h(3).' 'preload=$${libdir}/libvmtrace.so' '' 'Name: vmtrace' \
	  'Description: Reproducible addresses and a trace of what stands behind them' 'Version: $(VERSION)' \
	  'Libs:' 'Cflags: -I$${includedir}' >$(DESTDIR)$(LIBDIR)/pkgconfig/vmtrace.pc

uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(PREFIX)/bin/vmtrace $(DESTDIR)$(LIBDIR)/libvmtrace.so $(DESTDIR)$(LIBDIR)/pkgconfig/vmtrace.pc
	rm -f $(patsubst analyzer/man/%,$(DESTDIR)$(PREFIX)/share/man/man1/%,$(wildcard analyzer/man/*.1))
	rm -f $(patsubst analyzer/man/%,$(DESTDIR)$(PREFIX)/share/man/man3/%,$(wildcard analyzer/man/*.3))
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/share/,$(COMPLETION))
	rm -rf $(DESTDIR)$(PREFIX)/include/vmtrace $(DESTDIR)$(PREFIX)/share/doc/vmtrace

deb: all ## a Debian package in build/
	$(Q).ci/deps deb && .ci/deb $(VERSION) $(BUILD)

try-deb: deb ## install that package by apt in a minimal Debian, use it, remove it; as root
	$(Q).ci/deps try-deb && .ci/try-deb $(BUILD)/vmtrace_$(VERSION)_$(shell dpkg --print-architecture 2>/dev/null).deb build/try-deb

clean: ## remove everything that make built
	rm -rf build $(BUILD) libvmtrace.so vmtrace mem

help: ## this list
	@sed -nE 's/^([a-z0-9-]+):.*## (.*)/\1|\2/p' Makefile | while IFS='|' read -r t d; do printf '%-13s %s\n' "$$t" "$$d"; done

-include $(shell find $(addprefix $(BUILD)/,preload debug analyzer tests progs) -type f -name '*.d' 2>/dev/null)
.PHONY: all demo check check-compare check-debug check-unit guards bench matrix soak reload lint lint-build format asan ubsan tsan san-run tsan-run fuzz fuzz-run \
  libfuzzer aarch64 aarch64-run deb try-deb install uninstall clean help
.SECONDARY:
.DELETE_ON_ERROR:
