// sendmail: the front end (also mailq, newaliases, …). Wiring only.
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "base/exit_status.h"
#include "submit/front_end.h"

namespace {

/// For what(1), and for mxpost doctor, which wants to know whose sendmail this is.
// NOLINTNEXTLINE(modernize-avoid-c-arrays): the characters themselves are looked for in the file
[[gnu::used, gnu::retain]] constexpr char kWhat[] = "@(#)mxpost sendmail " MXPOST_VERSION;

}  // namespace

int main(int argc, char** argv, char** environment) {
    try {
        const std::vector<std::string> arguments(argv, argv + argc);
        return static_cast<int>(mxpost::submit::run_front_end(
            arguments, environment, MXPOST_ENGINE_PATH, MXPOST_VERSION
        ));
    } catch (const std::exception& exception) {
        // Nothing was accepted: after a commit the front end lets no exception through.
        std::fprintf(stderr, "sendmail: internal error: %s\n", exception.what());
        return static_cast<int>(mxpost::ExitStatus::temp_fail);
    }
}
