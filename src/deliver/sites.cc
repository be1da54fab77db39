#include "deliver/sites.h"

#include <algorithm>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace mxpost::deliver {

namespace asio = boost::asio;

namespace {

asio::awaitable<void> quit(std::unique_ptr<WarmSession> session) {
    session->dialogue->point_to(nullptr);
    co_await session->session->quit();
}

}  // namespace

std::unique_ptr<WarmSession> Site::take_idle() {
    while (!idle_.empty()) {
        auto session = std::move(idle_.back().session);
        idle_.pop_back();
        if (session->session->is_idle_healthy()) {
            return session;
        }
    }
    return nullptr;
}

void Site::keep_idle(std::unique_ptr<WarmSession> session, SteadyTime until) {
    idle_.push_back({std::move(session), until});
}

std::vector<std::unique_ptr<WarmSession>> Site::take_expired(SteadyTime now) {
    std::vector<std::unique_ptr<WarmSession>> expired;
    for (Idle& idle : idle_) {
        if (idle.until <= now) {
            expired.push_back(std::move(idle.session));
        }
    }
    std::erase_if(idle_, [](const Idle& idle) { return idle.session == nullptr; });
    return expired;
}

std::shared_ptr<Site> Sites::at(const std::string& key) {
    auto& site = sites_[key];
    if (!site) {
        site = std::make_shared<Site>(executor_, limits_);
    }
    return site;
}

void Sites::give_back(Site& site, std::unique_ptr<WarmSession> session) {
    session->dialogue->point_to(nullptr);
    if (session->messages >= limits_.max_messages_per_session ||
        !session->session->is_idle_healthy()) {
        end(std::move(session));
        return;
    }
    site.keep_idle(std::move(session), clock_->steady_now() + limits_.idle_time);
}

void Sites::reap(bool all) {
    for (auto& [key, site] : sites_) {
        for (auto& session : site->take_expired(all ? SteadyTime::max() : clock_->steady_now())) {
            end(std::move(session));
        }
    }
    std::erase_if(sites_, [](const auto& entry) {
        return entry.second.use_count() == 1 && entry.second->idle_count() == 0;
    });
}

void Sites::end(std::unique_ptr<WarmSession> session) {
    auto goodbye = quit(std::move(session));
    asio::co_spawn(executor_, std::move(goodbye), asio::detached);
}

}  // namespace mxpost::deliver
