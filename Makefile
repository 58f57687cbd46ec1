# Gradus: `make help` lists the targets.

VERSION = 0.1.0
SOVERSION = 0
PREFIX = /usr/local

CC = gcc
BUILD = build
WARN = -Wall -Wextra -Wpedantic
OPT = -O3 -g
CPPFLAGS = -I. -D_POSIX_C_SOURCE=200809L
CFLAGS = -std=c11 $(WARN) $(OPT)
LDLIBS = -lm

# Loops over math functions vectorise only if those need not set errno; values are not changed.
KERNEL_FLAGS = -fno-math-errno -fno-trapping-math -ffp-contract=fast -fopenmp-simd

# OpenMP if the compiler has it; without it the library runs in one thread.
OPENMP := $(shell printf 'int main(void){return 0;}' | $(CC) -fopenmp -x c - -o /dev/null 2>/dev/null && echo -fopenmp)

# The instruction sets that kernels are compiled for; the best one is chosen when a graph is made.
ifneq ($(findstring x86_64,$(shell $(CC) -dumpmachine)),)
ISAS = base avx2 avx512
endif
ISAS ?= base
ISA_base =
ISA_avx2 = -march=x86-64-v3
ISA_avx512 = -march=x86-64-v4 -mprefer-vector-width=512

# Kernels compiled for each instruction set, and everything else.
PER_ISA = core/kernels/elementwise.c core/kernels/gemm.c core/kernels/reduce.c core/kernels/update.c
SOURCES = $(filter-out $(PER_ISA),$(wildcard core/*/*.c losses/*.c nn/*.c optim/*.c))

ifeq ($(DOUBLE),1)
BUILD := $(BUILD)/double
CPPFLAGS += -DGR_DOUBLE
endif

OBJECTS = $(SOURCES:%.c=$(BUILD)/obj/%.o) \
          $(foreach isa,$(ISAS),$(PER_ISA:%.c=$(BUILD)/obj/%.$(isa).o))

all: $(BUILD)/libgradus.a

$(BUILD)/libgradus.a: $(OBJECTS)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(OPENMP) -fPIC -MMD -MP -c $< -o $@

define ISA_RULE
$(BUILD)/obj/%.$(1).o: %.c
	@mkdir -p $$(@D)
	$$(CC) $$(CPPFLAGS) -DGR_ISA=$(1) $$(CFLAGS) $$(KERNEL_FLAGS) $$(ISA_$(1)) -fPIC -MMD -MP -c $$< -o $$@
endef
$(foreach isa,$(ISAS),$(eval $(call ISA_RULE,$(isa))))

-include $(OBJECTS:.o=.d)

TEST_SOURCES = $(wildcard tests/unit/*.c)
TEST_OBJECTS = $(TEST_SOURCES:%.c=$(BUILD)/obj/%.o)
TEST_LIBS = $(shell pkg-config --libs check libcjson) -pthread

$(BUILD)/unit: $(TEST_OBJECTS) $(BUILD)/libgradus.a
	$(CC) $(CFLAGS) $(OPENMP) $^ $(TEST_LIBS) $(LDLIBS) -o $@

-include $(TEST_OBJECTS:.o=.d)

# One precision, that of DOUBLE; from the repository's root.
unit: $(BUILD)/unit
	$(BUILD)/unit

test:
	$(MAKE) DOUBLE= unit
	$(MAKE) DOUBLE=1 unit

clean:
	rm -rf build
.PHONY: all unit test clean
