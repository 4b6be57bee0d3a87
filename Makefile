# tlsshim: make; make check; make demo; make install PREFIX= DESTDIR=
# V=1 shows the commands, B= picks another build folder, and
# SAN=-fsanitize=address,undefined B=build-asan builds with sanitizers.

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib/tlsshim
MANDIR ?= $(PREFIX)/share/man
SYSCONFDIR ?= /etc/tlsshim
B ?= build
# One spelling: dependency files name their targets by it.
override B := $(abspath $(B))
CC ?= gcc
OBJCOPY ?= objcopy
PKG = gnutls libconfig

ifneq ($(V),1)
Q = @
say = @echo '  $(1)	$(2)'
endif

WARN = -std=gnu17 -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wpointer-arith -Wundef -Wvla \
	-Wno-unused-parameter -Wformat=2 -Wno-format-nonliteral
HARD = -O2 -g -fstack-protector-strong -D_FORTIFY_SOURCE=2 \
	-fno-strict-aliasing -fno-common
SAN =
CPPFLAGS += -D_GNU_SOURCE -DSYSCONFDIR='"$(SYSCONFDIR)"' \
	-DLIBDIR='"$(LIBDIR)"'
ifneq ($(SAN),)
# They refuse RTLD_DEEPBIND, and fortified calls hide from them.
override SAN += -DSHIM_NO_DEEPBIND -DSHIM_SANITIZED -U_FORTIFY_SOURCE
endif
ALL_CFLAGS = $(WARN) $(HARD) $(SAN) $(CPPFLAGS) $(CFLAGS) -MMD -MP
RELRO = -Wl,-z,relro,-z,now,-z,noexecstack
# One mapping for text and constants: each fork copies every mapping, each exit
# takes it away again.
ONE = -Wl,-z,noseparate-code
PIC = -fPIC -fno-plt -fvisibility=hidden
GNUTLS_CFLAGS := $(shell pkg-config --cflags gnutls 2>/dev/null)

# owned.o is the last one (place.h).
preload_src = $(filter-out %/owned.c,$(wildcard shim/preload/*.c)) \
	shim/target.c shim/preload/owned.c
preload_asm = $(wildcard shim/preload/*.S)
# The children of a server map the pages of the engine that they come by, 64 KB
# at a time: what serves a connection lies together.  thread.o is the first of
# all for its buffers, table.o the next for its variables (RARE in engine.h).
near = thread table inherit call process slot alive turn wait quick bytes conn \
	conn_end handshake_refuse handshake session hello stream stream_in \
	stream_out intake record \
	carry argument calls_stream calls_descriptor deferred libc_stream \
	ours epoll_set reg verify watch log resume ticket cache psk failure \
	calls_socket snapshot judge connection ready alloc reserve start \
	epoll keylog reauth known
engine_src = $(near:%=shim/engine/%.c) \
	$(filter-out $(near:%=shim/engine/%.c),$(wildcard shim/engine/*.c))
policy_src = $(wildcard policy/*.c)
tools_src = $(wildcard tools/*.c)

obj = $(patsubst %.c,$(B)/obj/%.o,$(filter %.c,$(1))) \
	$(patsubst %.S,$(B)/obj/%.o,$(filter %.S,$(1)))
preload_obj = $(call obj,$(preload_src) $(preload_asm))
engine_obj = $(call obj,$(engine_src) $(policy_src))
tools_obj = $(call obj,$(tools_src) shim/target.c)

libs = $(B)/tlsshim.so $(B)/tlsshim-engine.so $(B)/tlsshim-linger
all: $(libs) $(B)/tlsshim man

$(B)/obj/%.o: %.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(PIC) -c -o $@ $<

$(B)/obj/%.o: %.S
	$(call say,AS,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(PIC) -c -o $@ $<

# initfirst: other libraries' constructors call write and connect.
# symbolic: a hook that calls a hook means ours, whatever the host exports.
# nostartfiles: without gcc's crtbegin, which has ld.so look for four names that
# are for C++ and profilers; nodelete, since what it does at an unload is gone.
$(B)/tlsshim.so: $(preload_obj)
	$(call say,LD,$@)
	$(Q)$(CC) $(HARD) $(SAN) $(LDFLAGS) -shared $(RELRO) $(ONE) -Wl,-z,defs \
	    -nostartfiles -Wl,-z,nodelete \
	    -Wl,-z,initfirst -Wl,-Bsymbolic-functions \
	    -Wl,-soname,tlsshim.so -o $@ $(preload_obj) -lc

# libconfig within it: as an object of its own it is four mappings, one of 2 MB,
# and a page table, for the few moments in which a policy is read.
$(B)/tlsshim-engine.so: $(engine_obj) $(B)/libconfig.a
	$(call say,LD,$@)
	$(Q)$(CC) $(HARD) $(SAN) $(LDFLAGS) -shared $(RELRO) $(ONE) -Wl,-z,defs \
	    -Wl,-Bsymbolic -Wl,-z,nodelete -Wl,-soname,tlsshim-engine.so \
	    -Wl,--exclude-libs,libconfig.a \
	    -o $@ $(engine_obj) $(B)/libconfig.a -lgnutls

# policy/streams.h says why the names are others.
$(B)/libconfig.a:
	$(call say,AR,$@)
	@mkdir -p $(@D)
	$(Q)$(OBJCOPY) $(foreach s,in out err,--redefine-sym std$(s)=streams_$(s)) \
	    "$$($(CC) -print-file-name=libconfig.a)" $@

# alloc.c is for an engine that is loaded; the tools have their own malloc.
$(B)/engine.a: $(engine_obj)
	$(call say,AR,$@)
	$(Q)rm -f $@; ar rcs $@ $(filter-out %/alloc.o,$(engine_obj))

$(B)/tlsshim: $(tools_obj) $(B)/engine.a
	$(call say,LD,$@)
	$(Q)$(CC) $(HARD) $(SAN) $(LDFLAGS) -pie $(RELRO) -o $@ $(tools_obj) \
	    $(B)/engine.a -lconfig -lgnutls

# tlsshim-policy(5): the part about keys is what the reader itself knows.
$(B)/tlsshim-policy.5: policy/tlsshim-policy.5.in $(B)/tlsshim
	$(call say,MAN,$@)
	$(Q)$(B)/tlsshim keys --man >$(B)/keys.man
	$(Q)sed -e '/^@KEYS@$$/{r $(B)/keys.man' -e 'd;}' $< >$@

# tlsshim-ssl(7): a table, and what makes a page of it.
$(B)/tlsshim-ssl.7: tools/tlsshim-ssl.7.in tools/rows.awk
	$(call say,MAN,$@)
	@mkdir -p $(@D)
	$(Q)awk -f tools/rows.awk $< >$@

man: $(B)/tlsshim-policy.5 $(B)/tlsshim-ssl.7

check: all
	tests/run --no-install

# Threads under ThreadSanitizer; first a build that is known to race must fail.
TSAN = SAN='-fsanitize=thread' FIXTURE_SAN='-fsanitize=thread'
check-tsan:
	$(Q)$(MAKE) -s B=$(B)/tsan $(TSAN) all
	$(Q)$(MAKE) -s -f tests/tests.mk B=$(B)/tsan $(TSAN) tsan
	$(Q)$(MAKE) -s B=$(B)/tsan-race $(TSAN) CFLAGS=-DSHIM_SEED_RACE all
	$(Q)$(MAKE) -s -f tests/tests.mk tsan
	tests/tsan $(B)

# Functional tests with both objects under ASan and UBSan, in programs that
# are not.
check-asan: all
	$(Q)$(MAKE) -s -f tests/tests.mk B=$(B) fixtures
	$(Q)mkdir -p $(B)/asan
	$(Q)$(CC) -fPIC -DREPORT='"$(B)/asan/report"' -c \
	    -o $(B)/asan/options.o tests/asan_options.c
	$(Q)$(MAKE) -s B=$(B)/asan LDFLAGS=$(B)/asan/options.o \
	    SAN='-fsanitize=address,undefined -fno-sanitize-recover=all' all
	tests/asan $(B)

# Pairs of programs under memcheck, with the shim in both: valgrind; one
# or two minutes.
check-valgrind: all
	$(Q)$(MAKE) -s -f tests/tests.mk B=$(B) fixtures
	tests/valgrind $(B)

# Defects that are planted one at a time: does the suite see each?
mutations:
	tests/mutations/all

# testssl.sh at a server under the default policy: testssl.sh, one to three
# minutes.
check-scanners: all
	$(Q)$(MAKE) -s -f tests/tests.mk B=$(B) fixtures
	B=$(B) tests/scanners

# Every fuzzer of tests/fuzz for so many seconds, with clang's libFuzzer:
# clang-14, libclang-rt-14-dev.  tests/run replays their corpus without.
FUZZ_SECONDS ?= 60
FUZZ_CC ?= clang-14
fuzz:
	$(Q)$(MAKE) -s -f tests/tests.mk B=$(B)/fuzz CC=$(FUZZ_CC) FUZZER=yes \
	    SAN='-fsanitize=address,undefined,fuzzer-no-link \
	    -fno-sanitize-recover=all' fuzzers
	tests/fuzz/all $(B)/fuzz/tests/fuzz $(FUZZ_SECONDS) $(FUZZERS)

# 2,000 connections, faults, reloads and killed workers for MINUTES.
MINUTES ?= 30
CONNECTIONS ?= 2000
soak: all
	$(Q)$(MAKE) -s -f tests/tests.mk B=$(B) soak-programs
	B=$(B) tests/soak/all $(MINUTES) $(CONNECTIONS)

# What a server with a thread a connection grows by, beside plain TCP, OpenSSL
# and GnuTLS: as tests/bench/packages.txt.
soak-threads: all
	$(Q)$(MAKE) -s -f tests/tests.mk B=$(B) soak-ends
	B=$(B) tests/soak/threads

# nginx, Java, curl with GnuTLS and Wireshark: nginx-light, a JDK,
# libcurl3-gnutls, tshark; as root.
check-interop: all
	$(MAKE) -s -f tests/tests.mk B=$(B) fixtures
	B=$(B) tests/interop/heavy_test.sh

# 2,000 redis-cli that share a file of sessions, then eight at once: four
# minutes; redis-server and redis-tools.
check-sessions: all
	B=$(B) tests/bench/sessions.sh

check-chroot:
	tests/chroot

# Suites that others wrote: INSTALL=yes gets them, SUITES="tornado smoke" picks.
conformance: all
	B=$(B) tests/conformance/all $(if $(INSTALL),--install) $(SUITES)

# 20 minutes on a quiet machine: endings with 100 tries each.
figures: all
	tests/bench/passthrough.sh
	tests/bench/idle.sh
	tests/bench/endings.sh
	tests/bench/relay.sh

# What one would use instead, side by side: INSTALL=yes gets what is needed,
# FULL=1 adds proxies, QUICK=1 only shows that all works, CASES="bulk redis"
# picks, KEEP=1 puts README's charts into tests/bench/charts.
bench: all
	B=$(B) tests/bench/all $(if $(INSTALL),--install) $(if $(FULL),--full) \
	    $(if $(QUICK),--quick) $(if $(KEEP),--keep) $(CASES)

# Servers that others wrote: INSTALL=yes gets them, SERVERS="rsync" picks.
check-servers: all
	B=$(B) tests/servers/all $(if $(INSTALL),--install) $(SERVERS)

.PHONY: faults
# Every call of the shim's and every allocation fails once: 7 minutes.
faults: all
	$(MAKE) -s -f tests/tests.mk B=$(B) fixtures
	B=$(B) tests/faults/all $(STEP)

.PHONY: hostile
# Peers that attack: 10 minutes.
hostile: all
	$(MAKE) -s -f tests/tests.mk B=$(B) fixtures
	B=$(B) tests/hostile/all

demo: all
	tools/demo

to = $(DESTDIR)$(1)
install: all man
	install -d $(call to,$(PREFIX)/bin) $(call to,$(LIBDIR)) \
	    $(call to,$(PREFIX)/include) $(call to,$(MANDIR)/man1) \
	    $(call to,$(MANDIR)/man3) $(call to,$(MANDIR)/man5) \
	    $(call to,$(MANDIR)/man7)
	install -m 755 $(B)/tlsshim $(call to,$(PREFIX)/bin)
	install -m 755 $(libs) $(call to,$(LIBDIR))
	install -m 644 shim/tlsshim.h $(call to,$(PREFIX)/include)
	install -m 644 tools/tlsshim.1 $(call to,$(MANDIR)/man1)
	install -m 644 shim/tlsshim.3 $(call to,$(MANDIR)/man3)
	install -m 644 $(B)/tlsshim-policy.5 $(call to,$(MANDIR)/man5)
	install -m 644 $(B)/tlsshim-ssl.7 $(call to,$(MANDIR)/man7)

# The policy in $(SYSCONFDIR) stays.
uninstall:
	rm -f $(call to,$(PREFIX)/bin/tlsshim) \
	    $(patsubst $(B)/%,$(call to,$(LIBDIR)/%),$(libs)) \
	    $(call to,$(PREFIX)/include/tlsshim.h) \
	    $(call to,$(MANDIR)/man1/tlsshim.1) \
	    $(call to,$(MANDIR)/man3/tlsshim.3) \
	    $(call to,$(MANDIR)/man5/tlsshim-policy.5) \
	    $(call to,$(MANDIR)/man7/tlsshim-ssl.7)
	-rmdir $(call to,$(LIBDIR))

# Static, and opened before a chroot can hide it.
$(B)/tlsshim-linger: shim/linger/linger.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(WARN) $(HARD) $(CPPFLAGS) -fPIE -static-pie $(RELRO) \
	    $(LDFLAGS) -o $@ $<

clean:
	rm -rf $(B)

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)

.PHONY: all bench man check check-asan check-chroot check-sessions check-interop \
	check-scanners check-servers check-tsan check-valgrind conformance demo figures fuzz \
	install mutations soak soak-threads uninstall \
	clean
.DELETE_ON_ERROR:
