// QueueSample: what `mxpost queue watch` knows of the queue. It costs little however long the queue
// is: each look lists the names, which tell how many messages wait, are due, came and left, and
// opens a bounded number of files for the rest. Those that were opened stand for all.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "spool/entry_name.h"
#include "submit/outcomes.h"
#include "submit/surroundings.h"

namespace mxpost::spool {
class Box;
class BoxStore;
}  // namespace mxpost::spool

namespace mxpost::submit {

/// One domain, as far as the messages that were opened tell.
struct DestinationFigures {
    std::string domain;
    std::uint64_t waiting = 0;  // recipients
    std::uint64_t active = 0;   // of them, of messages that are being sent
    WallTime oldest = WallTime::max();
    std::string site;        // the host that was last spoken to, printable; empty: none
    std::string last_reply;  // printable; empty: none
};

struct QueueFigures {
    WallTime now;
    std::size_t messages = 0;
    std::size_t due = 0;   // by their names: held and active ones may be among them
    std::size_t came = 0;  // since the look before; 0 at the first
    std::size_t left = 0;
    std::chrono::duration<double> interval{0};  // since the look before; 0: the first
    // Of those that were opened:
    std::size_t opened = 0;
    std::size_t active = 0;
    std::size_t held = 0;
    std::vector<DestinationFigures> destinations;  // those with the most recipients first
};

struct SampleLimits {
    std::size_t looks = 500;              // files that one look opens
    std::size_t kept = 20'000;            // messages that are remembered
    std::chrono::milliseconds time{150};  // for opening files, at one look
    std::size_t recipients = 1000;        // of one message that are looked at
    std::size_t destinations = 5000;
};

class QueueSample {
public:
    /// Of the caller's messages, of all users' for uid 0. `around` must outlive it.
    explicit QueueSample(const Surroundings& around, SampleLimits limits = {})
        : around_(around), limits_(limits) {}

    /// What can't be read is told to `complain`.
    QueueFigures look(const LineSink& complain);

private:
    /// A name, as short as can be: there may be millions.
    struct Seen {
        std::uint64_t key;  // hash of the id
        std::int64_t due;
    };
    struct Part {
        std::uint32_t domain;  // number in domains_
        std::uint32_t waiting;
    };
    struct Facts {
        std::int64_t due = 0;
        WallTime arrival;
        bool is_active = false;
        bool is_held = false;
        std::vector<Part> parts;
    };
    struct Domain {
        std::string name;
        WallTime last_time;
        std::string site;
        std::string last_reply;
    };
    struct Wanted {
        std::size_t box;  // in the order in which they are listed
        spool::EntryName name;
    };

    void list(
        spool::BoxStore& store, std::size_t number, QueueFigures& figures, const LineSink& complain
    );
    void want(std::size_t box, const spool::EntryName& name, const Seen& seen);
    void count_changes(const std::vector<Seen>& before, QueueFigures& figures) const;
    void forget_gone();
    void open_wanted(const std::vector<std::string>& paths);
    void open(const spool::Box& box, const spool::EntryName& name);
    std::uint32_t domain_number(const std::string& name);
    void sum_up(QueueFigures& figures) const;

    const Surroundings& around_;
    SampleLimits limits_;
    std::vector<Seen> seen_;  // at the last look, by key
    std::unordered_map<std::uint64_t, Facts> facts_;
    std::vector<Wanted> wanted_;
    std::uint64_t seed_ = 0;          // of this look's choice
    std::uint64_t wanted_count_ = 0;  // candidates of this look, of which wanted_ is a sample
    std::vector<Domain> domains_;
    std::unordered_map<std::string, std::uint32_t> domain_numbers_;
    SteadyTime last_look_;
    bool is_first_ = true;
};

}  // namespace mxpost::submit
