// Linked into the programs of a sanitized build, and only there.
//
// Looking for leaks when it ends takes a program longer than its work, and what sendmail or mailq
// leaves unfreed goes with it: their code's leaks are the unit tests' business. The engine, which
// runs for months, is looked at all the same: see tests/lab/inside.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() {
    return "detect_leaks=0";
}
