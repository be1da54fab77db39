// What the doctor's tests share: a host 192.0.2.1 called host.example, in a DNS that the test
// makes.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "doctor/context.h"
#include "doctor/report.h"
#include "support/fake_resolver.h"
#include "support/manual_clock.h"
#include "support/temporary_directory.h"

namespace mxpost::doctor {

inline boost::asio::ip::address ip(const std::string& text) {
    return boost::asio::ip::make_address(text);
}

class DoctorTest : public testing::Test {
protected:
    Context& context() {
        if (!context_) {
            helo_ = std::make_unique<route::HeloName>(settings.helo_name, full_name, reverse);
            context_.reset(new Context{
                io.get_executor(),
                clock,
                files,
                settings,
                resolver,
                *helo_,
                reverse,
                rules,
                smtp::SessionSettings(),
                full_name,
                full_name.substr(0, full_name.find('.')),
                [](const auto& destination) {
                    return destination.is_v4() ? std::optional(ip("192.0.2.1")) : std::nullopt;
                },
                {ip("192.0.2.1")},
                {},
                nullptr,
                "",
                nullptr,
                25,
                std::nullopt});
        }
        return *context_;
    }

    template <class T>
    T run(boost::asio::awaitable<T> work) {
        T result{};
        boost::asio::co_spawn(io, std::move(work), [&](const std::exception_ptr& error, T value) {
            EXPECT_FALSE(error);
            result = std::move(value);
        });
        io.restart();
        io.run();
        return result;
    }

    boost::asio::io_context io;
    test::ManualClock clock;
    PosixFileSystem files;
    config::Settings settings;
    test::FakeResolver resolver;
    route::ReverseNames reverse{resolver, clock};
    diagnose::RuleBook rules = diagnose::RuleBook::shipped();
    std::string full_name = "host.example";

private:
    std::unique_ptr<route::HeloName> helo_;
    std::unique_ptr<Context> context_;
};

/// "ptr problem", of each that isn't ok.
inline std::vector<std::string> blamed(const Findings& findings) {
    std::vector<std::string> result;
    for (const Finding& finding : findings) {
        if (finding.level != Level::ok) {
            result.push_back(finding.check + " " + std::string(name_of(finding.level)));
        }
    }
    return result;
}

inline std::vector<std::string> texts(const Findings& findings) {
    std::vector<std::string> all;
    for (const Finding& finding : findings) {
        all.push_back(finding.text);
    }
    return all;
}

/// The text of each remedy of all findings.
inline std::vector<std::string> remedies(const Findings& findings) {
    std::vector<std::string> result;
    for (const Finding& finding : findings) {
        for (const Remedy& remedy : finding.remedies) {
            result.push_back(remedy.text());
        }
    }
    return result;
}

using Texts = std::vector<std::string>;

}  // namespace mxpost::doctor
