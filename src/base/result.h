// Result<T>: a value or an Error, for failures that are expected (I/O, parsing, DNS, TLS).
// Outcomes of a delivery are values of their own (mail/outcome.h); broken promises throw.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <boost/throw_exception.hpp>

namespace mxpost {

/// What failed and what was being done. Has a constructor on purpose: an aggregate error type
/// would silently disable conversions of Result<int> in C++20.
class Error {
public:
    /// boost::system::result asks for it where there is no error.
    Error() = default;
    Error(boost::system::error_code code, std::string context)
        : code_(code), context_(std::move(context)) {}

    /// The code of a failed system call; `context` says what was being done to what.
    static Error from_errno(int number, std::string context) {
        return {
            boost::system::error_code(number, boost::system::system_category()),
            std::move(context)};
    }
    /// A failure that has no system error number: bad input, a broken promise of a peer.
    static Error invalid(std::string context) { return from_errno(kInvalid, std::move(context)); }

    boost::system::error_code code() const { return code_; }
    const std::string& context() const { return context_; }
    /// True when the code is this errno value.
    bool is(int number) const {
        return code_.value() == number && code_.category() == boost::system::system_category();
    }
    /// One line: "context: reason".
    std::string message() const {
        return is(kInvalid) ? context_ : context_ + ": " + code_.message();
    }

private:
    static constexpr int kInvalid = 74;  // EBADMSG: "bad message", which strerror would only repeat
    boost::system::error_code code_;
    std::string context_;
};

[[noreturn]] inline void throw_exception_from_error(
    const Error& error, const boost::source_location& location
) {
    boost::throw_with_location(
        boost::system::system_error(error.code(), error.context()), location
    );
}

/// Member names are those of std::expected, so that it can take this class's place one day.
template <class T>
class [[nodiscard]] Result {
public:
    Result(const T& value)  // NOLINT(google-explicit-constructor): as std::expected
        : result_(value) {}
    Result(T&& value)  // NOLINT(google-explicit-constructor): as std::expected
        : result_(std::move(value)) {}
    Result(const Error& error)  // NOLINT(google-explicit-constructor): as std::expected
        : result_(error) {}
    Result(Error&& error)  // NOLINT(google-explicit-constructor): as std::expected
        : result_(std::move(error)) {}

    bool has_value() const { return result_.has_value(); }
    explicit operator bool() const { return has_value(); }
    T& value() & { return result_.value(); }
    const T& value() const& { return result_.value(); }
    T&& value() && { return std::move(result_.value()); }
    T& operator*() & { return *checked(result_.operator->()); }
    const T& operator*() const& { return *checked(result_.operator->()); }
    T&& operator*() && { return std::move(*checked(result_.operator->())); }
    T* operator->() { return checked(result_.operator->()); }
    const T* operator->() const { return checked(result_.operator->()); }
    T value_or(T fallback) const& { return has_value() ? **this : std::move(fallback); }
    Error error() const { return result_.error(); }

private:
    /// Using an error as a value is a bug: stop there (and g++ need not warn of a null pointer).
    template <class Pointer>
    static Pointer checked(Pointer value) {
        if (value == nullptr) {
            __builtin_trap();
        }
        return value;
    }

    boost::system::result<T, Error> result_;
};

template <>
class [[nodiscard]] Result<void> {
public:
    Result() = default;
    Result(const Error& error)  // NOLINT(google-explicit-constructor): as std::expected
        : result_(error) {}
    Result(Error&& error)  // NOLINT(google-explicit-constructor): as std::expected
        : result_(std::move(error)) {}

    bool has_value() const { return result_.has_value(); }
    explicit operator bool() const { return has_value(); }
    void value() const { result_.value(); }
    Error error() const { return result_.error(); }

private:
    boost::system::result<void, Error> result_;
};

}  // namespace mxpost
