// SiteSession: one session of a site, from its opening until it has nothing left to carry: the
// messages that wait for the site go over it one after the other, the next one's commands behind
// the content of the one before where the site is quick.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/clock.h"
#include "deliver/domain_quota.h"
#include "deliver/session_opener.h"
#include "deliver/site_job.h"

namespace mxpost::deliver {

class Site;
class WatchedContent;

class SiteSession final : public smtp::Feed {
public:
    enum class Phase : std::uint8_t {
        opening,  // no host has greeted us yet
        busy,     // a message is under way
        idle,     // waits for the next one
        ending
    };

    /// `site` holds the session until run() has ended.
    SiteSession(Site& site, const boost::asio::any_io_executor& executor);
    ~SiteSession() override;

    /// Begins with `job`, ends when nothing is left for it to do, or when it was told to. Every job
    /// that it took is complete then, or waits again.
    boost::asio::awaitable<void> run(SiteJob* job);
    /// A job waits, or the session is to end.
    void wake();
    /// Ends the session once the messages under way are through.
    void end_soon();
    Phase phase() const { return phase_; }

    // smtp::Feed
    smtp::Parcel* next() override;
    void done(smtp::Parcel& parcel, smtp::TransactionResult result) override;

private:
    /// One transaction that is under way.
    struct Cargo {
        SiteJob* job = nullptr;
        std::vector<std::size_t> chunk;
        smtp::Parcel parcel;
        WatchedContent* content = nullptr;  // the parcel's
        SteadyTime begun;
    };

    boost::asio::awaitable<void> work(SiteJob* job);
    boost::asio::awaitable<SiteJob*> next_job();
    boost::asio::awaitable<bool> open(SiteJob& job);
    boost::asio::awaitable<bool> open_one(
        SiteJob& job, std::vector<smtp::Peer>& peers, bool& has_route
    );
    void demand_tls(const SiteJob& job, std::vector<smtp::Peer>& peers) const;
    void tell_tls_broken(const SiteJob& job, const smtp::Peer& peer, const std::string& failure);
    void note_tls(const SiteJob& job);
    void report_tls(const SiteJob& job, const OpenResult& opened) const;
    void give_up(SiteJob& job, bool has_route);
    void adopt(SiteJob& job);
    void hand_back(SiteJob& job);
    SiteJob* sort_out();
    SiteJob* choose_job();
    bool load(SiteJob& job);
    void settle(SiteJob& job);
    std::vector<Fate> learn(SiteJob& job, smtp::TransactionResult& result);
    void reconnect(SiteJob& job);
    void try_again(SiteJob& job);
    void note_success(SteadyTime begun);
    void note_habits();
    bool is_usable();
    void leave();

    Site& site_;
    boost::asio::any_io_executor executor_;
    std::unique_ptr<OpenSession> open_;
    std::size_t messages_ = 0;        // begun on the present connection
    std::deque<Cargo> under_way_;     // in the order in which they were given
    std::vector<SiteJob*> jobs_;      // taken, not complete
    boost::asio::steady_timer work_;  // cancelled when there is some
    bool must_end_ = false;
    bool must_move_ = false;  // a job in hand is to go on at another host
    bool was_moved_for_tls_ = false;
    bool has_delivered_ = false;  // the present connection
    bool was_cut_off_ = false;    // it ended in the middle of a transaction
    DomainQuota domains_;         // of the present connection
    bool is_full_ = false;        // the next recipient would be of one domain too many for it
    Phase phase_ = Phase::opening;
};

}  // namespace mxpost::deliver
