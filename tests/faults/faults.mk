# faults.mk - every fault at every call: a libc that fails, a program, and what
# judges it; read by tests.mk

faults = $(addprefix $(B)/tests/faults/,layer.so subject driver)

# It must not be given functions that call each other for one another.
$(B)/tests/faults/layer.so: tests/faults/layer.c tests/faults/layer.h
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(WARN) -Wno-missing-prototypes -O2 -g -fno-builtin \
	    $(CPPFLAGS) -fPIC -shared -o $@ $<

$(B)/tests/faults/%: tests/faults/%.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(WARN) -Wno-address $(HARD) $(CPPFLAGS) \
	    $(LDFLAGS) -o $@ $(filter %.c,$^) $(LIBS)

$(B)/tests/faults/driver: tests/faults/run.c tests/faults/peer.c
$(B)/tests/faults/driver: LIBS = -lgnutls
$(faults): $(wildcard tests/faults/*.h) tests/fixtures/wire.h \
	tests/fixtures/fixture.h
