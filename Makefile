# vmtrace: `make help` lists the targets.
CC ?= cc
BUILD ?= build
CFLAGS ?= -O2 -g
WARN := -Wall -Wextra -Wundef -Wshadow -Wstrict-prototypes -Wmissing-prototypes
STD := -std=gnu17 -D_GNU_SOURCE -Iinclude
DEPS := -MMD -MP

PRELOAD_SRC := $(wildcard preload/*/*.c)
ANALYZER_SRC := $(wildcard analyzer/*/*.c)
PRELOAD_OBJ := $(PRELOAD_SRC:%.c=$(BUILD)/%.o)
ANALYZER_OBJ := $(ANALYZER_SRC:%.c=$(BUILD)/%.o)
Q := $(if $(V),,@)

all: libvmtrace.so vmtrace mem ## build the library, the analyzer and the demo

libvmtrace.so: $(PRELOAD_OBJ)
	$(Q)$(CC) -shared $(CFLAGS) $(LDFLAGS) -Wl,-z,now,-z,relro,-soname,libvmtrace.so -o $@ $^

vmtrace: $(ANALYZER_OBJ) $(BUILD)/analyzer/main.o
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -ljansson -lzstd

mem: demos/mem.c
	$(Q)$(CC) $(STD) $(CFLAGS) $(WARN) -o $@ $<

$(BUILD)/preload/%.o: preload/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(STD) -Ipreload $(CFLAGS) $(WARN) $(DEPS) -fPIC -fvisibility=hidden -ftls-model=initial-exec -fno-builtin-malloc -fno-stack-protector -c -o $@ $<

$(BUILD)/analyzer/%.o: analyzer/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(STD) -Ianalyzer $(CFLAGS) $(WARN) $(DEPS) -c -o $@ $<

clean: ## remove what make built
	rm -rf $(BUILD) libvmtrace.so vmtrace mem

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
.PHONY: all clean
