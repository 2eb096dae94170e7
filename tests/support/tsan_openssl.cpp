// ThreadSanitizer does not see the atomic flags by which OpenSSL hands what it has cached in a
// certificate from thread to thread, for OpenSSL is not instrumented; but it sees the memcpy and
// the memcmp on both sides. What OpenSSL calls is left out; the callbacks it makes into this
// project are not.

extern "C" const char* __tsan_default_suppressions();

extern "C" const char* __tsan_default_suppressions() {
    return "called_from_lib:libcrypto.so\ncalled_from_lib:libssl.so\n";
}
