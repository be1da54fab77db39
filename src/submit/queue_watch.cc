#include "submit/queue_watch.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include "base/iso_time.h"
#include "base/json.h"
#include "submit/queue_stats.h"

namespace mxpost::submit {
namespace {

constexpr std::size_t kMostJsonDestinations = 100;

/// "3.2"; 0 where nothing can be told yet.
std::string rate(std::size_t count, const QueueFigures& figures) {
    const double seconds = figures.interval.count();
    std::array<char, 64> text{};
    (void)std::snprintf(
        text.data(), text.size(), "%.1f", seconds > 0 ? static_cast<double>(count) / seconds : 0.0
    );
    return text.data();
}

/// "12:00:00", of the local time.
std::string clock_text(WallTime now) {
    const std::time_t seconds = to_seconds(now).time_since_epoch().count();
    std::tm parts{};
    ::localtime_r(&seconds, &parts);
    std::array<char, 64> text{};
    return {text.data(), std::strftime(text.data(), text.size(), "%H:%M:%S", &parts)};
}

std::string age(const DestinationFigures& destination, WallTime now) {
    return short_age(
        std::chrono::floor<std::chrono::seconds>(now - std::min(now, destination.oldest))
    );
}

std::string right(const std::string& text, std::size_t width) {
    return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}

/// The table's columns: domain, waiting, active, oldest, site, last reply.
class Table {
public:
    explicit Table(std::size_t columns)
        : columns_(columns),
          domain_(std::clamp<std::size_t>(columns / 4, 12, 40)),
          site_(columns >= 80 ? std::clamp<std::size_t>(columns / 5, 12, 36) : 0) {}

    std::string title() const {
        return row("DESTINATION", "WAITING", "ACTIVE", "OLDEST", "SITE", "LAST REPLY");
    }
    std::string row(const DestinationFigures& destination, WallTime now) const {
        return row(
            destination.domain.empty() ? "(this host)" : destination.domain,
            std::to_string(destination.waiting),
            std::to_string(destination.active),
            age(destination, now),
            destination.site,
            destination.last_reply
        );
    }

private:
    std::string row(
        const std::string& domain,
        const std::string& waiting,
        const std::string& active,
        const std::string& oldest,
        const std::string& site,
        const std::string& reply
    ) const {
        std::string line = fitted(domain, domain_) + right(waiting, 9) + right(active, 7) +
                           right(oldest, 7) + "  ";
        if (site_ > 0) {
            line += fitted(site, site_) + "  ";
        }
        line = fitted(line + reply, columns_);
        line.erase(line.find_last_not_of(' ') + 1);
        return line;
    }

    std::size_t columns_;
    std::size_t domain_;
    std::size_t site_;
};

std::string opened_text(const QueueFigures& figures) {
    return figures.opened < figures.messages
               ? "(table, active, held: of " + std::to_string(figures.opened) +
                     " messages that were opened)"
               : "";
}

}  // namespace

std::vector<std::string> watch_screen(const QueueFigures& figures, ScreenSize size) {
    std::vector<std::string> lines;
    const auto add = [&](const std::string& line) {
        std::string shown = fitted(line, size.columns);
        shown.erase(shown.find_last_not_of(' ') + 1);
        lines.push_back(std::move(shown));
    };
    add("mxpost queue  " + clock_text(figures.now) + "  q quits");
    add(std::to_string(figures.messages) + " queued  " + std::to_string(figures.due) + " due  " +
        std::to_string(figures.active) + " active  " + std::to_string(figures.held) + " held  " +
        "came " + rate(figures.came, figures) + "/s  left " + rate(figures.left, figures) + "/s");
    add(opened_text(figures));
    const Table table(size.columns);
    add(table.title());
    std::size_t shown = 0;
    for (const DestinationFigures& destination : figures.destinations) {
        if (lines.size() + 1 >= size.rows) {
            break;
        }
        lines.push_back(table.row(destination, figures.now));
        ++shown;
    }
    if (shown < figures.destinations.size()) {
        add("and " + std::to_string(figures.destinations.size() - shown) + " more");
    }
    if (lines.size() > size.rows) {
        lines.resize(size.rows);
    }
    return lines;
}

std::string watch_line(const QueueFigures& figures) {
    std::string line = iso_time(to_seconds(figures.now));
    line += " queued=" + std::to_string(figures.messages) + " due=" + std::to_string(figures.due) +
            " active=" + std::to_string(figures.active) + " held=" + std::to_string(figures.held) +
            " came=" + rate(figures.came, figures) + "/s left=" + rate(figures.left, figures) +
            "/s opened=" + std::to_string(figures.opened);
    if (!figures.destinations.empty()) {
        const DestinationFigures& most = figures.destinations.front();
        line += " most=" + most.domain + ":" + std::to_string(most.waiting);
        if (!most.last_reply.empty()) {
            line += " last=\"" + most.last_reply + "\"";
        }
    }
    return line;
}

std::string watch_json(const QueueFigures& figures) {
    JsonArray destinations;
    const std::size_t most = std::min(figures.destinations.size(), kMostJsonDestinations);
    for (std::size_t i = 0; i < most; ++i) {
        const DestinationFigures& destination = figures.destinations[i];
        JsonObject object;
        object.text("domain", destination.domain).number("waiting", destination.waiting);
        object.number("active", destination.active);
        object.time("oldest", to_seconds(destination.oldest));
        object.text("site", destination.site).text("last_reply", destination.last_reply);
        destinations.add(object.end());
    }
    JsonObject object;
    object.time("time", to_seconds(figures.now)).number("messages", figures.messages);
    object.number("due", figures.due).number("opened", figures.opened);
    object.number("active", figures.active).number("held", figures.held);
    object.number("came", figures.came).number("left", figures.left);
    object.number("interval", figures.interval.count());
    object.raw("destinations", destinations.end());
    return object.end();
}

}  // namespace mxpost::submit
