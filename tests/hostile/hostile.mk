# hostile.mk - peers that attack, and a program under the shim; read by tests.mk

hostile = $(addprefix $(B)/tests/hostile/,victim hostile)

$(B)/tests/hostile/%: tests/hostile/%.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(WARN) $(HARD) $(CPPFLAGS) -pthread $(LDFLAGS) \
	    -o $@ $(filter %.c,$^) $(LIBS)

$(B)/tests/hostile/hostile: tests/hostile/attack.c tests/hostile/foe.c
$(B)/tests/hostile/hostile: LIBS = -lgnutls
$(hostile): $(wildcard tests/hostile/*.h) tests/fixtures/wire.h \
	tests/fixtures/fixture.h
