# tlsshim: make; make check; make install PREFIX= DESTDIR=; make demo
# V=1 shows the commands.  B= picks another build folder.

PREFIX ?= /usr/local
SYSCONFDIR ?= /etc/tlsshim
B ?= build
CC ?= gcc
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
CPPFLAGS += -D_GNU_SOURCE -DSYSCONFDIR='"$(SYSCONFDIR)"'
ALL_CFLAGS = $(WARN) $(HARD) $(SAN) $(CPPFLAGS) $(CFLAGS) -MMD -MP
RELRO = -Wl,-z,relro,-z,now,-z,noexecstack
PIC = -fPIC -fvisibility=hidden
GNUTLS_CFLAGS := $(shell pkg-config --cflags gnutls 2>/dev/null)

preload_src = $(wildcard shim/preload/*.c) shim/target.c
preload_asm = $(wildcard shim/preload/*.S)
engine_src = $(wildcard shim/engine/*.c)
policy_src = $(wildcard policy/*.c)
tools_src = $(wildcard tools/*.c)

obj = $(patsubst %.c,$(B)/obj/%.o,$(filter %.c,$(1))) \
	$(patsubst %.S,$(B)/obj/%.o,$(filter %.S,$(1)))
preload_obj = $(call obj,$(preload_src) $(preload_asm))
engine_obj = $(call obj,$(engine_src) $(policy_src))
tools_obj = $(call obj,$(tools_src) shim/target.c)

all: $(B)/tlsshim.so $(B)/tlsshim-engine.so $(B)/tlsshim

$(B)/obj/%.o: %.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(PIC) -c -o $@ $<

$(B)/obj/%.o: %.S
	$(call say,AS,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(PIC) -c -o $@ $<

# initfirst: other libraries' constructors call write and connect.
$(B)/tlsshim.so: $(preload_obj)
	$(call say,LD,$@)
	$(Q)$(CC) $(HARD) $(SAN) $(LDFLAGS) -shared $(RELRO) -Wl,-z,defs \
	    -Wl,-z,initfirst -Wl,-soname,tlsshim.so -o $@ $(preload_obj) -lc

$(B)/tlsshim-engine.so: $(engine_obj)
	$(call say,LD,$@)
	$(Q)$(CC) $(HARD) $(SAN) $(LDFLAGS) -shared $(RELRO) -Wl,-z,defs \
	    -Wl,-Bsymbolic -Wl,-z,nodelete -Wl,-soname,tlsshim-engine.so \
	    -o $@ $(engine_obj) -lconfig -lgnutls

$(B)/engine.a: $(engine_obj)
	$(call say,AR,$@)
	$(Q)rm -f $@; ar rcs $@ $(engine_obj)

$(B)/tlsshim: $(tools_obj) $(B)/engine.a
	$(call say,LD,$@)
	$(Q)$(CC) $(HARD) $(SAN) $(LDFLAGS) -pie $(RELRO) -o $@ $(tools_obj) \
	    $(B)/engine.a -lconfig -lgnutls

clean:
	rm -rf $(B)

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)

.PHONY: all clean
.DELETE_ON_ERROR:
