# tests.mk - fixtures, unit tests and benchmarks; used from the top folder as
#	make -f tests/tests.mk [B=build] fixtures unit fuzzers benches

include Makefile

fixture_src = $(wildcard tests/fixtures/*.c)
fixtures = $(patsubst tests/fixtures/%.c,$(B)/tests/%,$(fixture_src))
unit_src = $(wildcard tests/unit/*_test.c)
units = $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(unit_src))

# load.c and serve.c are a program for each transport.
bench_ends = $(foreach end,load serve,$(patsubst tests/bench/transport/%.c, \
	$(B)/tests/bench/$(end)-%,$(wildcard tests/bench/transport/*.c)))
bench_src = $(filter-out %/empty.c %/load.c %/serve.c, \
	$(wildcard tests/bench/*.c))
benches = $(patsubst tests/bench/%.c,$(B)/tests/bench/%,$(bench_src)) \
	$(bench_ends) $(B)/tests/bench/empty.so

# The frame of conformance/tcpdiff with scenarios of our own.
differ = tests/conformance/tcpdiff
differs = $(patsubst tests/tcpdiff/%.c,$(B)/tests/tcpdiff/%, \
	$(wildcard tests/tcpdiff/*.c)) $(B)/tests/tcpdiff/cxx

# Fuzzers: over files by replay.c, or by clang's libFuzzer with FUZZER=yes.
fuzz_src = $(wildcard tests/fuzz/*_fuzz.c)
fuzzers = $(patsubst tests/fuzz/%.c,$(B)/tests/fuzz/%,$(fuzz_src))

include tests/faults/faults.mk
include tests/hostile/hostile.mk

leak_src = $(wildcard tests/leaks/*.c)

fixtures: $(fixtures) $(B)/tests/leaks $(differs) $(faults) $(hostile) $(addprefix $(B)/tests/, \
	hello_static bypass_static poke_static deep.so between.so)
unit: $(units)
benches: $(benches)
fuzzers: $(fuzzers)
# What threads_test runs, for check-tsan.
tsan: $(addprefix $(B)/tests/,threads crowd cancel watchers greeter tls_peer)

$(B)/tests/%: tests/fixtures/%.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(WARN) $(HARD) $(FIXTURE_SAN) $(CPPFLAGS) -MMD -MF $@.d -MP -pthread \
	    $(LDFLAGS) -o $@ $< $(LIBS)

# Calls that are wrong on purpose are what these are about.
$(B)/tests/tcpdiff/%: tests/tcpdiff/%.c $(differ)/driver.c $(differ)/side.c \
		$(differ)/traffic.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu17 -O2 -g -Wall -Wextra -Wno-unused-parameter \
	    -Wno-nonnull -Wno-stringop-overflow -D_FORTIFY_SOURCE=2 \
	    -I$(differ) -pthread $(LDFLAGS) -o $@ $^ $(LIBS)

$(B)/tests/tcpdiff/%.o: $(differ)/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu17 -O2 -g -D_FORTIFY_SOURCE=2 -pthread -c -o $@ $<

$(B)/tests/tcpdiff/cxx: tests/tcpdiff/cxx.cc $(B)/tests/tcpdiff/driver.o \
		$(B)/tests/tcpdiff/side.o $(B)/tests/tcpdiff/traffic.o
	$(call say,CXX,$@)
	$(Q)$(CXX) -std=gnu++17 -O2 -g -Wall -Wextra -D_FORTIFY_SOURCE=2 \
	    -I$(differ) -pthread $(LDFLAGS) -o $@ $^

$(B)/tests/bench/%: tests/bench/%.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(WARN) $(HARD) $(CPPFLAGS) $(LDFLAGS) -o $@ $< $(LIBS)

bench_heads = $(addprefix tests/bench/,transport.h transport/bare.h \
	transport/aead.h cpu.h peer.h)
$(B)/tests/bench/load-%: tests/bench/load.c tests/bench/transport/%.c \
		$(bench_heads)
	$(bench_end)
$(B)/tests/bench/serve-%: tests/bench/serve.c tests/bench/transport/%.c \
		$(bench_heads)
	$(bench_end)
define bench_end
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(WARN) $(HARD) $(CPPFLAGS) -pthread $(LDFLAGS) -o $@ \
	    $(filter %.c,$^) $(LIBS)
endef
$(B)/tests/bench/%-openssl: LIBS = -lssl -lcrypto
$(addprefix $(B)/tests/bench/%-,gnutls aead look): LIBS = -lgnutls

$(B)/tests/bench/%.so: tests/bench/%.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(WARN) $(CPPFLAGS) -fPIC -shared -o $@ $<

$(B)/tests/%_static: tests/fixtures/%.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(WARN) $(CPPFLAGS) -static -o $@ $<

# One program of all the roads; fortified names are roads of their own.
$(B)/tests/leaks: $(leak_src) tests/leaks/leak.h
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(WARN) $(CPPFLAGS) -pthread -rdynamic -o $@ $(leak_src)

$(B)/tests/deep.so $(B)/tests/between.so: $(B)/tests/%.so: tests/fixtures/%.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(WARN) $(CPPFLAGS) -fPIC -shared -o $@ $<

$(B)/tests/resolver: LIBS = -lcares
$(addprefix $(B)/tests/,tls_peer stale_ticket bench/forking bench/seal): \
	LIBS = -lgnutls
# What the program itself exports comes first in every look-up.
$(B)/tests/exporter $(B)/tests/host_exports: LDFLAGS += -rdynamic

# A unit test may include the .c it tests: whatever that defines is then not
# taken from the archives.  An included file has statics that nobody calls.
unit_lib = $(B)/tests/target.a $(B)/engine.a
$(B)/tests/unit/%: tests/unit/%.c $(unit_lib)
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(WARN) -Wno-unused-function $(HARD) $(SAN) $(CPPFLAGS) \
	    -MMD -MF $@.d -MP -pthread $(LDFLAGS) -o $@ $< $(unit_lib) \
	    -lconfig -lgnutls

replay = $(if $(FUZZER),,$(B)/tests/fuzz/replay.o)
$(B)/tests/fuzz/%: tests/fuzz/%.c $(replay) $(unit_lib)
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(WARN) -Wno-unused-function $(HARD) $(SAN) $(CPPFLAGS) \
	    $(if $(FUZZER),-fsanitize=fuzzer) -MMD -MF $@.d -MP -pthread \
	    $(LDFLAGS) -o $@ $< $(replay) $(unit_lib) -lconfig -lgnutls

# Both ends of a soak, and what makes calls fail beneath the shim.
soak-programs: $(addprefix $(B)/tests/soak/,server client rnd faults.so heap.so) \
	$(B)/tests/oracle $(B)/tests/reap
$(B)/tests/soak/rnd: LDLIBS = -lgnutls

soak-ends: $(addprefix $(B)/tests/soak/threads-,plain openssl gnutls)
$(B)/tests/soak/threads-openssl: LIBS = -lssl -lcrypto
$(B)/tests/soak/threads-gnutls: LIBS = -lgnutls
$(B)/tests/soak/threads-%: tests/soak/threads.c tests/bench/transport/%.c \
		$(bench_heads)
	$(bench_end)
$(B)/tests/soak/%: tests/soak/%.c tests/soak/soak.h
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(WARN) $(HARD) $(CPPFLAGS) -pthread $(LDFLAGS) -o $@ $< $(LDLIBS)

$(B)/tests/soak/%.so: tests/soak/%.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(WARN) $(HARD) $(CPPFLAGS) -fPIC -shared -o $@ $<

$(B)/tests/fuzz/replay.o: tests/fuzz/replay.c tests/fuzz/fuzz.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(WARN) $(HARD) $(SAN) $(CPPFLAGS) -c -o $@ $<

$(B)/tests/target.a: $(B)/obj/shim/target.o
	@mkdir -p $(@D)
	$(Q)rm -f $@; ar rcs $@ $^

-include $(wildcard $(B)/tests/*.d $(B)/tests/unit/*.d $(B)/tests/fuzz/*.d)

.PHONY: fixtures unit benches fuzzers soak-programs soak-ends tsan
.SECONDARY:
