/*
 * asan_options.c - what a program whose environment was emptied tells the
 * sanitizer: linked into the tlsshim.so of check-asan, which is then there
 * without the runtime before it
 */
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

__attribute__((visibility("default"))) const char *
__asan_default_options(void)
{
	return "detect_leaks=0:use_sigaltstack=0:verify_asan_link_order=0:"
	       "exitcode=99:log_path=" REPORT;
}

__attribute__((visibility("default"))) const char *
__ubsan_default_options(void)
{
	return "halt_on_error=1:exitcode=99:log_path=" REPORT;
}
