# Gradus. Targets (`make help` prints this list):
#
#   make              the library, build/libgradus.a and the shared one, and the program build/gradus
#   make double       the same in double precision, in build/double
#   make deps         installs what is missing of the packages that tests and examples need (Debian)
#   make deps-dev     installs what only headers, format and a build with clang need
#   make examples     the example programs: build/NAME
#   make demo         runs every trainer in its quick form, and says where the page of results lies
#   make experiments  runs them in full, and renews the results in README.md and examples/README.md
#   make trainers     runs every trainer in its quick form and checks that it learned
#   make test         tests of the library and of the program gradus in both precisions
#   make resume       the part of them that kills a training and lets it go on, KILLS=5 times
#   make documents-test the part of them that recomputes what documents on losses state
#   make asan         the tests under AddressSanitizer and UndefinedBehaviorSanitizer
#   make valgrind     unit tests in single precision under valgrind, but the slow ones
#   make test-install installs into a scratch directory and builds README.md's program against it
#   make headers      checks that each public header compiles alone and is part of gradus.h
#   make bench        time of training steps, operations and losses beside the machine's limit, and beside
#                     PyTorch and JAX if PYTHON has them
#   make bench-check  whether these compute the same losses
#   make bench-readme puts the tables of the last bench into README.md and tests/bench/README.md
#   make bench-fashion  accuracy and pictures a second on Fashion-MNIST, beside PyTorch: EPOCHS=10
#   make format       clang-format over all sources
#   make install      to PREFIX (/usr/local), below DESTDIR
#   make uninstall    takes that away
#   make clean        removes build/, or the BUILD that is named
#
# Settings, by make's arguments or the environment: CC=clang, CFLAGS=-O2, DOUBLE=1, SANITIZE=1, WERROR=1, BUILD=dir, V=1 (show commands),
# and for bench PYTHON=python3, REPETITIONS=21, THREADS="1 2", ONLY="parts of workloads' names".

VERSION = 0.1.0
SOVERSION = 0
PREFIX ?= /usr/local
LIBDIR = $(PREFIX)/lib
INCLUDEDIR = $(PREFIX)/include

ifeq ($(origin CC),default)
CC = gcc
endif
PYTHON ?= python3

# What the library is linked with.
LIBS = -lcjson -lz -lm

REPETITIONS ?= 21
BUILD ?= build
# Lines in backtraces and profiles; CFLAGS='-O0 -g3' for a debugger.
CFLAGS ?= -O2 -g1

# What Debian calls the packages; README.md says what each is for.
PACKAGES = libc6-dev libcjson-dev libstb-dev zlib1g-dev check gnuplot-nox pkgconf valgrind \
    dataset-fashion-mnist
PACKAGES_DEV = clang libomp-dev clang-format

# As many jobs as processors, unless -j says otherwise.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 1)
endif

# deps and clean change what other goals stand on, so that with one of them goals run in order, each
# in a make of its own.
ifneq ($(filter deps deps-dev clean,$(MAKECMDGOALS)),)
ifneq ($(word 2,$(MAKECMDGOALS)),)
IN_ORDER = 1
endif
endif

ifdef IN_ORDER
.PHONY: in-order $(MAKECMDGOALS)
$(MAKECMDGOALS): in-order
	@:
in-order:
	+@for goal in $(MAKECMDGOALS); do $(MAKE) --no-print-directory $$goal || exit 1; done
else

.PHONY: all double deps deps-dev examples demo experiments trainers unit cli resume documents-test test test-float test-double asan asan-float asan-double valgrind test-install headers bench bench-readme bench-check bench-fashion
.PHONY: format install uninstall clean help FORCE

all:

# -- Flags --

# Empty if the compiler can't, or warns of them: $(call accepts,FLAGS,PROGRAM)
accepts = $(shell printf '$(2)' | $(CC) -Werror $(1) -x c - -o /dev/null >/dev/null 2>&1 && echo '$(1)')

# OpenMP if the compiler has it; without it the library runs in one thread.
OPENMP := $(call accepts,-fopenmp,\043include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n)

# What -O3 adds for speed here. The rest of it makes code a third longer, and so the time to compile.
VECTORIZE := $(call accepts,-ftree-vectorize -fvect-cost-model=dynamic,int main(void) { return 0; }\n)

WARN = -Wall -Wextra -Wpedantic $(if $(WERROR),-Werror)
CPPFLAGS_ALL = -I. -D_POSIX_C_SOURCE=200809L $(if $(DOUBLE),-DGR_DOUBLE) $(CPPFLAGS)
SANITIZERS = -fsanitize=address,undefined -fno-sanitize-recover=all
CFLAGS_ALL = -std=c11 $(WARN) $(CFLAGS) $(VECTORIZE) $(if $(SANITIZE),-O1 -fno-omit-frame-pointer $(SANITIZERS))
LDFLAGS_ALL = $(LDFLAGS) $(if $(SANITIZE),$(SANITIZERS)) $(OPENMP)

# Loops over math functions vectorise only if those need not set errno; values are not changed.
# (gcc knows the vector forms from their declarations, clang some of them by a flag, and warns of each
# loop that needs another.)
# Nor do loops with a call: formulas are put into them up to the length that -O3 allows.
KERNEL_FLAGS := -Wno-pass-failed -fno-math-errno -fno-trapping-math -ffp-contract=fast -fopenmp-simd \
    $(call accepts,-fveclib=libmvec,int main(void) { return 0; }\n) \
    $(call accepts,--param max-inline-insns-single=200 --param max-inline-insns-auto=30,int main(void) { return 0; }\n)

STB_FLAGS := -fwrapv $(if $(SANITIZE),-fno-sanitize=shift) $(call accepts,-ftrivial-auto-var-init=zero,int main(void) { return 0; }\n)

# The instruction sets that kernels are compiled for; the best one is chosen when a graph is made.
ifneq ($(findstring x86_64,$(shell $(CC) -dumpmachine)),)
ISAS = base avx2 avx512
endif
ISAS ?= base
ISA_base =
ISA_avx2 = -march=x86-64-v3
ISA_avx512 = -march=x86-64-v4 -mprefer-vector-width=512

# -- The library --

# Each combination that objects can't be shared between has its own directory; any other change of
# compiler or flags is noticed by the file $(OUT)/flags and compiles anew.
OUT = $(BUILD)$(if $(DOUBLE),/double)$(if $(SANITIZE),/asan)
NAME = gradus$(if $(DOUBLE),-double)
STATIC = $(OUT)/lib$(NAME).a
SHARED = $(OUT)/lib$(NAME).so.$(VERSION)

# Kernels compiled for each instruction set (their tables are named by GR_FOR_ISA), and everything else.
PER_ISA := $(shell grep -l GR_FOR_ISA core/kernels/*.c)
SOURCES = $(filter-out $(PER_ISA),$(wildcard core/*/*.c losses/*.c nn/*.c optim/*.c))

per_isa = $(foreach isa,$(ISAS),$(1:%.c=$(OUT)/obj/%.$(isa).o))
# What takes longest to compile comes first, so that no processor waits for it at the end.
OBJECTS = $(call per_isa,core/kernels/gemm.c $(filter-out core/kernels/gemm.c,$(PER_ISA))) \
    $(SOURCES:%.c=$(OUT)/obj/%.o)

Q = $(if $(V),,@)
say = $(if $(V),,@echo '  $(1)')

all: $(STATIC) $(SHARED) $(OUT)/gradus

double:
	+@$(MAKE) --no-print-directory DOUBLE=1 all

$(STATIC): $(OBJECTS)
	$(call say,ar $@)
	@rm -f $@
	$(Q)$(AR) rcs $@ $(OBJECTS)

# Only what begins with gr_ and isn't hidden is exported.
$(SHARED): $(OBJECTS) gradus.map
	$(call say,ld $@)
	$(Q)$(CC) -shared -Wl,-soname,lib$(NAME).so.$(SOVERSION) -Wl,--version-script=gradus.map \
	    -Wl,--no-undefined $(CFLAGS_ALL) $(OBJECTS) $(LDFLAGS_ALL) $(LIBS) -o $@

$(OUT)/obj/%.o: %.c $(OUT)/flags
	$(call say,cc $<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(OPENMP) -fPIC -MMD -MP -c $< -o $@

# stb_image counts on signed numbers that wrap around, shifts by more than 31 where a JPEG is damaged
# (any bits will do there), and leaves variables unset, which are 0 here and so the same each time.
$(OUT)/obj/core/data/stb.o: CFLAGS_ALL += $(STB_FLAGS)

define ISA_RULE
$(OUT)/obj/%.$(1).o: %.c $(OUT)/flags
	$$(call say,cc $$< for $(1))
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(CPPFLAGS_ALL) -DGR_ISA=$(1) $$(CFLAGS_ALL) $$(KERNEL_FLAGS) $$(ISA_$(1)) -fPIC \
	    -MMD -MP -c $$< -o $$@
endef
$(foreach isa,$(ISAS),$(eval $(call ISA_RULE,$(isa))))

FLAGS_TEXT := $(shell $(CC) --version | head -n 1) $(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(KERNEL_FLAGS) $(STB_FLAGS) $(LDFLAGS_ALL)
$(OUT)/flags: FORCE
	$(call need_header,stdlib.h,The C library for development,libc6-dev)
	$(call need_header,zlib.h,zlib (reads compressed files),zlib1g-dev)
	$(call need_header,cjson/cJSON.h,cJSON (reads JSON),libcjson-dev)
	$(call need_header,stb/stb_image.h,stb_image (reads and writes pictures),libstb-dev)
	@mkdir -p $(@D)
	@echo '$(subst ','"'"',$(FLAGS_TEXT))' | cmp -s - $@ || echo '$(subst ','"'"',$(FLAGS_TEXT))' >$@

# -- Packages --

deps:
	@tests/install-packages.sh $(PACKAGES)

deps-dev:
	@tests/install-packages.sh $(PACKAGES_DEV)

# $(call need,TEST,WHAT,PACKAGE): stops with a message that says how to get what is missing.
need = @$(1) >/dev/null 2>&1 || { \
    echo '$(2) is missing: make deps, or apt-get install $(3)' >&2; exit 1; }
need_header = $(call need,printf '\043include <$(1)>\n' | $(CC) -E -x c -,$(2),$(3))

.PHONY: need-check need-gnuplot need-valgrind need-pkg-config
need-check:
	$(call need_header,check.h,Check (the unit test library),check)
need-gnuplot:
	$(call need,command -v gnuplot,gnuplot (draws the pictures),gnuplot-nox)
need-valgrind:
	$(call need,command -v valgrind,valgrind,valgrind)
need-pkg-config:
	$(call need,command -v pkg-config,pkg-config,pkgconf)

# -- Examples --

COMMON_OBJECTS = $(patsubst %.c,$(OUT)/obj/%.o,$(wildcard examples/common/*.c))
CLI_OBJECTS = $(patsubst %.c,$(OUT)/obj/%.o,examples/gradus.c $(wildcard examples/cli/*.c) \
    $(addprefix examples/common/,files.c plot.c stats.c table.c))
EXAMPLES = $(filter-out gradus,$(patsubst examples/%.c,%,$(wildcard examples/*.c)))
EXAMPLE_OBJECTS = $(EXAMPLES:%=$(OUT)/obj/examples/%.o)
PROGRAMS = $(EXAMPLES:%=$(OUT)/%)
SUMMARIZE_OBJECTS = $(patsubst %.c,$(OUT)/obj/%.o,$(wildcard examples/summarize/*.c))

examples: $(PROGRAMS)

$(OUT)/summarize: $(SUMMARIZE_OBJECTS)

$(PROGRAMS): $(OUT)/%: $(OUT)/obj/examples/%.o $(COMMON_OBJECTS) $(STATIC)
	$(call say,ld $@)
	$(Q)$(CC) $(CFLAGS_ALL) $(filter %.o,$^) $(STATIC) $(LDFLAGS_ALL) $(LIBS) -o $@

# The documents' program is in more than one file, and draws curves and writes JSON as gradus does.
DOCUMENT_OBJECTS = $(patsubst %.c,$(OUT)/obj/%.o,$(wildcard examples/documents/*.c) \
    $(addprefix examples/cli/,curves.c json.c))
$(OUT)/documents: $(DOCUMENT_OBJECTS)

# The command line program needs nothing but the library, so that it is made with it.
$(OUT)/obj/examples/gradus.o: CPPFLAGS_ALL += -DGRADUS_VERSION='"$(VERSION)"'

$(OUT)/gradus: $(CLI_OBJECTS) $(STATIC)
	$(call say,ld $@)
	$(Q)$(CC) $(CFLAGS_ALL) $^ $(LDFLAGS_ALL) $(LIBS) -o $@

# In the order of the report.
TRAINERS = $(filter $(EXAMPLES),outliers imbalance classify segmentation siamese simclr vae wgan)

demo: examples | need-gnuplot
	@for trainer in $(TRAINERS); do \
	    echo "$$trainer"; mkdir -p $(OUT)/demo; \
	    $(OUT)/$$trainer --quick --out $(OUT)/demo/$$trainer > $(OUT)/demo/$$trainer.txt || exit 1; \
	done
	@echo documents; $(OUT)/documents --out $(OUT)/demo/documents \
	    --results $(TRAINERS:%=$(OUT)/demo/%) > $(OUT)/demo/documents.txt
	@mkdir -p $(OUT)/report
	$(OUT)/summarize --title 'Gradus: what choosing a loss does, in a quick run' \
	    --html $(OUT)/report/index.html $(TRAINERS:%=$(OUT)/demo/%) $(OUT)/demo/documents
	@echo "Quick forms, for a first look; make experiments trains longer. The page with all results:"
	@echo "$(CURDIR)/$(OUT)/report/index.html"

# The results that the README files show, from the full settings; goes on where it was stopped.
experiments: examples | need-gnuplot
	@for trainer in $(TRAINERS); do \
	    $(OUT)/$$trainer --resume --out $(OUT)/experiments/$$trainer || exit 1; \
	done
	$(OUT)/documents --out $(OUT)/experiments/documents --results $(TRAINERS:%=$(OUT)/experiments/%)
	$(OUT)/documents --markdown examples/README.md
	$(OUT)/summarize --html $(OUT)/experiments/index.html $(TRAINERS:%=$(OUT)/experiments/%) \
	    $(OUT)/experiments/documents
	$(OUT)/summarize --markdown README.md $(TRAINERS:%=$(OUT)/experiments/%)
	$(OUT)/summarize --markdown examples/README.md $(TRAINERS:%=$(OUT)/experiments/%)
	cp $(OUT)/experiments/outliers/errors.png examples/pictures/outliers.png
	cp $(OUT)/experiments/segmentation/masks.png examples/pictures/segmentation.png
	cp $(OUT)/experiments/wgan/points.png examples/pictures/wgan.png

# Every trainer in its quick form: does it learn?
trainers: examples | need-gnuplot
	tests/trainers.sh $(OUT)

# -- Tests --

CHECK_LIBS = $(or $(shell pkg-config --libs check 2>/dev/null),-lcheck -lsubunit -lrt) -pthread
TEST_OBJECTS = $(patsubst %.c,$(OUT)/obj/%.o,$(wildcard tests/unit/*.c))
TEST_LIBS = $(CHECK_LIBS) $(LIBS)
RUN_UNIT = CK_DEFAULT_TIMEOUT=120 OMP_WAIT_POLICY=passive $(OUT)/unit

$(TEST_OBJECTS): | need-check

$(OUT)/unit: $(TEST_OBJECTS) $(STATIC)
	$(call say,ld $@)
	$(Q)$(CC) $(CFLAGS_ALL) $^ $(LDFLAGS_ALL) $(TEST_LIBS) -o $@

# One precision, that of DOUBLE.
unit: $(OUT)/unit
	$(RUN_UNIT)

cli: $(OUT)/gradus
	tests/cli.sh $(OUT)/gradus

# A training that is killed and goes on; KILLS=20 for more.
KILLS ?= 5

$(OUT)/resume: $(OUT)/obj/tests/resume.o $(STATIC)
	$(call say,ld $@)
	$(Q)$(CC) $(CFLAGS_ALL) $^ $(LDFLAGS_ALL) $(LIBS) -o $@

resume: $(OUT)/resume
	tests/resume.sh $(OUT)/resume $(KILLS)

# What the program documents finds, in the documents and in the trainings of one.
documents-test: $(OUT)/documents
	tests/documents.sh $(OUT)/documents

# Both precisions side by side, for a run of the unit tests is busy on one processor.
test: test-float test-double
test-float:
	+@$(MAKE) --no-print-directory DOUBLE= unit cli resume documents-test
test-double:
	+@$(MAKE) --no-print-directory DOUBLE=1 unit cli resume documents-test

# Without fork, so that leaks are seen.
asan: asan-float asan-double
asan-float:
	+@CK_FORK=no $(MAKE) --no-print-directory SANITIZE=1 DOUBLE= unit cli
asan-double:
	+@CK_FORK=no $(MAKE) --no-print-directory SANITIZE=1 DOUBLE=1 unit cli

valgrind: $(OUT)/unit | need-valgrind
	CK_FORK=no CK_EXCLUDE_TAGS=slow OMP_NUM_THREADS=1 valgrind -q --error-exitcode=1 --leak-check=full \
	    --errors-for-leak-kinds=definite $(OUT)/unit

test-install: all | need-pkg-config
	CC='$(CC)' MAKE='$(MAKE) --no-print-directory' tests/install.sh

# -- Headers --

HEADERS = core/kernels/real.h $(filter-out %_internal.h, \
    $(wildcard core/graph/*.h core/ops/*.h core/data/*.h losses/*.h nn/*.h optim/*.h))

headers:
	@for h in gradus.h $(HEADERS); do for real in SINGLE DOUBLE; do \
	    printf '#include "%s"\n' $$h | $(CC) -I. -DGR_$$real -std=c11 -Wall -Wextra -Wpedantic \
	        -Werror -fsyntax-only -x c - || { echo "$$h does not compile alone" >&2; exit 1; }; \
	done; done
	@included=$$($(CC) -I. -std=c11 -MM gradus.h); for h in $(HEADERS); do \
	    case "$$included " in *" $$h "*) ;; *) echo "$$h is not part of gradus.h" >&2; exit 1;; esac; \
	done
	@echo "$(words gradus.h $(HEADERS)) headers compile alone with $(CC) and are part of gradus.h"

# -- Benchmarks --

BENCH_OBJECTS = $(patsubst %.c,$(OUT)/obj/%.o,$(filter-out $(addprefix tests/bench/,peak.c fashion.c \
    minimal.c),$(wildcard tests/bench/*.c))) $(call per_isa,tests/bench/peak.c)
COUNTED = malloc calloc realloc aligned_alloc posix_memalign

# (A program stood in the directory's place once.)
$(OUT)/bench/bench: $(BENCH_OBJECTS) $(STATIC)
	$(call say,ld $@)
	@test -d $(@D) || rm -f $(@D)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(COUNTED:%=-Wl,--wrap=%) $^ $(LDFLAGS_ALL) $(LIBS) -o $@

$(OUT)/bench/minimal: $(OUT)/obj/tests/bench/minimal.o $(STATIC) | $(OUT)/bench/bench
	$(call say,ld $@)
	$(Q)$(CC) $(CFLAGS_ALL) -s $^ $(LDFLAGS_ALL) $(LIBS) -o $@

PEERS = '$(PYTHON) tests/bench/step.py' '$(PYTHON) tests/bench/step.py --compile' \
    '$(PYTHON) tests/bench/jax_step.py'
THREADS ?= 1 2

# Without what is only for a debugger, which would be most of it.
$(OUT)/bench/library.a: $(STATIC) | $(OUT)/bench/bench
	$(Q)strip --strip-debug -o $@ $<

bench: $(OUT)/bench/bench $(OUT)/bench/minimal $(OUT)/bench/library.a
	$(OUT)/bench/bench --repetitions $(REPETITIONS) $(THREADS:%=--threads %) $(ONLY:%=--only %) \
	    --out $(OUT)/bench --minimal $(OUT)/bench/minimal --library $(OUT)/bench/library.a $(PEERS)
	@tests/bench/plot.sh $(OUT)/bench

bench-readme:
	tests/bench/insert.sh $(OUT)/bench README.md tests/bench/README.md

# Have trainings the same losses in the peers?
bench-check: $(OUT)/bench/bench
	$(OUT)/bench/bench --check $(ONLY:%=--only %) $(PEERS)

# A classifier trained on all of Fashion-MNIST, here and by PyTorch.
EPOCHS ?= 10

$(OUT)/fashion: $(OUT)/obj/tests/bench/fashion.o $(STATIC)
	$(call say,ld $@)
	$(Q)$(CC) $(CFLAGS_ALL) $^ $(LDFLAGS_ALL) $(LIBS) -o $@

bench-fashion: $(OUT)/fashion
	tests/bench/fashion.sh $(OUT)/fashion '$(PYTHON)' $(EPOCHS)

# -- The rest --

install: all
	install -d '$(DESTDIR)$(LIBDIR)/pkgconfig'
	install -m 644 $(STATIC) '$(DESTDIR)$(LIBDIR)'
	install -m 755 $(SHARED) '$(DESTDIR)$(LIBDIR)'
	ln -sf lib$(NAME).so.$(VERSION) '$(DESTDIR)$(LIBDIR)/lib$(NAME).so.$(SOVERSION)'
	ln -sf lib$(NAME).so.$(SOVERSION) '$(DESTDIR)$(LIBDIR)/lib$(NAME).so'
	for h in gradus.h $(HEADERS); do \
	    install -D -m 644 $$h '$(DESTDIR)$(INCLUDEDIR)'/gradus/$$h || exit 1; done
	sed -e 's|@prefix@|$(PREFIX)|' -e 's|@libdir@|$(LIBDIR)|' -e 's|@includedir@|$(INCLUDEDIR)|' \
	    -e 's|@version@|$(VERSION)|' -e 's|@name@|$(NAME)|' -e 's|@openmp@|$(OPENMP)|' \
	    -e 's|@cflags@|$(if $(DOUBLE),-DGR_DOUBLE)|' -e 's| *$$||' gradus.pc.in \
	    >'$(DESTDIR)$(LIBDIR)/pkgconfig/$(NAME).pc'
	install -D -m 755 $(OUT)/gradus '$(DESTDIR)$(PREFIX)/bin/$(NAME)'
	install -D -m 644 man/gradus.1 '$(DESTDIR)$(PREFIX)/share/man/man1/$(NAME).1'
	install -D -m 644 completions/gradus.bash \
	    '$(DESTDIR)$(PREFIX)/share/bash-completion/completions/$(NAME)'

# The headers stay for the library of the other precision, if that is installed.
uninstall:
	cd '$(DESTDIR)$(LIBDIR)' && rm -f lib$(NAME).a lib$(NAME).so lib$(NAME).so.* pkgconfig/$(NAME).pc
	cd '$(DESTDIR)$(PREFIX)' && rm -f bin/$(NAME) share/man/man1/$(NAME).1 \
	    share/bash-completion/completions/$(NAME)
	ls '$(DESTDIR)$(LIBDIR)'/pkgconfig/gradus*.pc >/dev/null 2>&1 || \
	    rm -rf '$(DESTDIR)$(INCLUDEDIR)/gradus'

format:
	@command -v clang-format >/dev/null || { \
	    echo 'clang-format is missing: make deps-dev, or apt-get install clang-format' >&2; exit 1; }
	find . -path ./$(BUILD) -prune -o -name '*.[ch]' -print | xargs clang-format -i

clean:
	rm -rf '$(BUILD)'

help:
	@sed -n '1,/^$$/s/^# \{0,1\}//p' Makefile

-include $(OBJECTS:.o=.d) $(COMMON_OBJECTS:.o=.d) $(CLI_OBJECTS:.o=.d)
-include $(EXAMPLE_OBJECTS:.o=.d) $(DOCUMENT_OBJECTS:.o=.d) $(TEST_OBJECTS:.o=.d) $(OUT)/obj/tests/resume.d $(OUT)/obj/tests/bench/fashion.d $(OUT)/obj/tests/bench/minimal.d
-include $(BENCH_OBJECTS:.o=.d)

endif
