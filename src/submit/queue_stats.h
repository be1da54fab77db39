// `mxpost queue stats`: the queue by destination and age, in the manner of Postfix's qshape, with
// the last reply of each destination.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "submit/outcomes.h"
#include "submit/queue_view.h"

namespace mxpost::submit {

/// Ages are counted up to these, and above the last.
inline constexpr std::array<std::chrono::minutes, 6> kAgeBounds = {
    std::chrono::minutes(5),
    std::chrono::minutes(20),
    std::chrono::minutes(60),
    std::chrono::minutes(240),
    std::chrono::minutes(1440),
    std::chrono::minutes(2880)};

/// Recipients that wait, of one domain.
struct DestinationStats {
    std::uint64_t recipients = 0;
    std::uint64_t deferred = 0;  // of them, after at least one attempt
    std::array<std::uint64_t, kAgeBounds.size() + 1> ages{};
    WallTime oldest = WallTime::max();
    WallTime last_time;      // of the last reply
    std::string last_reply;  // printable; empty: none yet
    std::string last_host;   // whose it is: the site, as far as the journals know
};

class QueueStats final : public QueueFormat {
public:
    /// `out` must outlive it. Text: the destinations with the most recipients, at most `most` of
    /// them; JSON: one object with all that were kept.
    QueueStats(const LineSink& out, WallTime now, bool is_json, std::size_t most = 40)
        : out_(out), now_(now), is_json_(is_json), most_(most) {}

    void begin_box(const QueuedBox&) override { ++boxes_; }
    void show(const QueuedMessage& message) override;
    void end_box(const QueuedBox&) override {}
    void end(std::size_t total) override;

private:
    using Row = std::pair<std::string, DestinationStats>;

    void count(const std::string& domain, const spool::RecipientState& state, WallTime arrival);
    std::vector<Row> rows() const;
    void print_text(std::size_t total) const;
    void print_json(std::size_t total) const;

    const LineSink& out_;
    WallTime now_;
    bool is_json_;
    std::size_t most_;
    std::map<std::string, DestinationStats> destinations_;
    DestinationStats others_;  // of domains beyond those that are kept apart
    DestinationStats all_;
    std::uint64_t octets_ = 0;
    std::size_t boxes_ = 0;
    std::size_t active_ = 0;
    std::size_t held_ = 0;
    std::size_t due_ = 0;
};

/// "45s", "12m", "3h05m", "2d04h": short, for tables.
std::string short_age(std::chrono::seconds age);
/// Cut or filled with spaces to `width` characters (not octets).
std::string fitted(std::string_view text, std::size_t width);

}  // namespace mxpost::submit
