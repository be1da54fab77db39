#include "tls/curl_library.h"

#include <dlfcn.h>
#include <string>

namespace mxpost::tls {
namespace {

/// All or nothing: a name that is missing is remembered.
class Symbols {
public:
    explicit Symbols(void* library) : library_(library) {}

    template <class Function>
    void find(Function& function, const char* name) {
        function = reinterpret_cast<Function>(::dlsym(library_, name));
        if (function == nullptr) {
            missing_ = name;
        }
    }
    const std::string& missing() const { return missing_; }

private:
    void* library_;
    std::string missing_;
};

}  // namespace

Result<CurlLibrary> CurlLibrary::load() {
    void* const library = ::dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
        const char* const reason = ::dlerror();
        return Error::invalid(
            std::string("libcurl can't be loaded: ") + (reason != nullptr ? reason : "")
        );
    }
    Symbols symbols(library);
    CurlLibrary curl;
    decltype(&::curl_global_init) global_init = nullptr;
    symbols.find(global_init, "curl_global_init");
    symbols.find(curl.easy_init, "curl_easy_init");
    symbols.find(curl.easy_setopt, "curl_easy_setopt");
    symbols.find(curl.easy_getinfo, "curl_easy_getinfo");
    symbols.find(curl.easy_cleanup, "curl_easy_cleanup");
    symbols.find(curl.easy_strerror, "curl_easy_strerror");
    symbols.find(curl.slist_append, "curl_slist_append");
    symbols.find(curl.slist_free_all, "curl_slist_free_all");
    symbols.find(curl.multi_init, "curl_multi_init");
    symbols.find(curl.multi_cleanup, "curl_multi_cleanup");
    symbols.find(curl.multi_add_handle, "curl_multi_add_handle");
    symbols.find(curl.multi_remove_handle, "curl_multi_remove_handle");
    symbols.find(curl.multi_perform, "curl_multi_perform");
    symbols.find(curl.multi_poll, "curl_multi_poll");
    symbols.find(curl.multi_wakeup, "curl_multi_wakeup");
    symbols.find(curl.multi_info_read, "curl_multi_info_read");
    if (!symbols.missing().empty()) {
        return Error::invalid("libcurl is too old: it has no " + symbols.missing());
    }
    if (global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return Error::invalid("libcurl can't be initialised");
    }
    return curl;
}

}  // namespace mxpost::tls
