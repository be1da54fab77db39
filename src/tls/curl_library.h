// CurlLibrary: libcurl, loaded when it is first needed.
//
// Linked in the usual way it would bring some thirty libraries into every engine and more than
// double the time that one takes to start, and most engines never fetch anything.
#pragma once

#include <curl/curl.h>

#include "base/result.h"

namespace mxpost::tls {

/// The functions that are used, under their names without "curl_". Never unloaded.
struct CurlLibrary {
    CurlLibrary() = default;
    /// Loads and initialises it; any thread may, at any time. The error says what is missing.
    static Result<CurlLibrary> load();

    decltype(&::curl_easy_init) easy_init = nullptr;
    decltype(&::curl_easy_setopt) easy_setopt = nullptr;
    decltype(&::curl_easy_getinfo) easy_getinfo = nullptr;
    decltype(&::curl_easy_cleanup) easy_cleanup = nullptr;
    decltype(&::curl_easy_strerror) easy_strerror = nullptr;
    decltype(&::curl_slist_append) slist_append = nullptr;
    decltype(&::curl_slist_free_all) slist_free_all = nullptr;
    decltype(&::curl_multi_init) multi_init = nullptr;
    decltype(&::curl_multi_cleanup) multi_cleanup = nullptr;
    decltype(&::curl_multi_add_handle) multi_add_handle = nullptr;
    decltype(&::curl_multi_remove_handle) multi_remove_handle = nullptr;
    decltype(&::curl_multi_perform) multi_perform = nullptr;
    decltype(&::curl_multi_poll) multi_poll = nullptr;
    decltype(&::curl_multi_wakeup) multi_wakeup = nullptr;
    decltype(&::curl_multi_info_read) multi_info_read = nullptr;
};

}  // namespace mxpost::tls
