#include "mail/address.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <tuple>
#include <utility>

#include <arpa/inet.h>

#include "base/text.h"
#include "mail/address_lexer.h"

namespace mxpost::mail {
namespace {

using Kind = AddressToken::Kind;

// RFC 5321 4.5.3.1.1 says 64; some systems give out longer ones (VERP), and the recipient's server
// is the judge of its own names.
constexpr std::size_t kMaxLocalPart = 255;
constexpr std::size_t kMaxDomain = 255;       // RFC 5321 4.5.3.1.2
constexpr std::size_t kMaxLabel = 63;         // RFC 1035 2.3.4
constexpr std::size_t kMaxBad = 1000;         // reported; hostile input has more
constexpr std::size_t kMaxElement = 100'000;  // tokens, each of some 80 octets, between two commas
constexpr std::size_t kMaxBadText = 200;      // octets shown of each

bool is_high(char c) {
    return static_cast<unsigned char>(c) >= 0x80;
}

bool is_alphanumeric(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/// RFC 5322 3.2.3 atext, RFC 6532 3.2.
bool is_atext(char c) {
    return is_alphanumeric(c) || is_high(c) ||
           std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
}

bool is_dot_atom(std::string_view text) {
    bool was_dot = true;
    for (const char c : text) {
        if (c == '.' ? was_dot : !is_atext(c)) {
            return false;
        }
        was_dot = c == '.';
    }
    return !was_dot;
}

/// ASCII controls, DEL, and the C1 controls of UTF-8.
bool has_control(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        const bool is_c1 =
            c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
        if (c < 0x20 || c == 0x7F || is_c1) {
            return true;
        }
    }
    return false;
}

/// The SMTP form of a local part whose characters are `raw`.
std::string local_part_text(std::string_view raw) {
    if (is_dot_atom(raw)) {
        return std::string(raw);
    }
    std::string text = "\"";
    for (const char c : raw) {
        if (c == '"' || c == '\\') {
            text += '\\';
        }
        text += c;
    }
    return text + "\"";
}

/// RFC 5321 4.1.3, the two kinds that exist.
bool is_address_literal(std::string_view text) {
    if (text.size() < 3 || text.size() > 64 || text.front() != '[' || text.back() != ']') {
        return false;
    }
    const std::string inner(text.substr(1, text.size() - 2));
    std::array<unsigned char, sizeof(in6_addr)> octets{};
    if (ascii_istarts_with(inner, "IPv6:")) {
        return inet_pton(AF_INET6, inner.c_str() + 5, octets.data()) == 1;
    }
    return inet_pton(AF_INET, inner.c_str(), octets.data()) == 1;
}

/// Either an address, or the reason why there is none.
struct Parsed {
    std::optional<Address> address;
    const char* reason = "";
};

Parsed reject(const char* reason) {
    return {std::nullopt, reason};
}

Parsed make_address(std::string_view raw_local, std::string_view domain) {
    if (raw_local.empty() && domain.empty()) {
        return reject("empty address");
    }
    if (raw_local.empty()) {
        return reject("no local part");
    }
    if (has_control(raw_local) || has_control(domain)) {
        return reject("control character");
    }
    if (!is_utf8(raw_local)) {
        return reject("neither ASCII nor UTF-8");
    }
    std::string local_part = local_part_text(raw_local);
    if (local_part.size() > kMaxLocalPart) {
        return reject("local part too long");
    }
    return {Address(std::move(local_part), std::string(domain)), ""};
}

Parsed make_address_with_domain(std::string_view raw_local, std::string_view domain) {
    if (domain.starts_with('[')) {
        return is_address_literal(domain) ? make_address(raw_local, domain)
                                          : reject("bad address literal");
    }
    if (domain.ends_with('.')) {
        domain.remove_suffix(1);
    }
    if (domain.empty()) {
        return reject("no domain");
    }
    return is_domain_name(domain) ? make_address(raw_local, domain) : reject("bad domain");
}

/// "host!user" is user@host (UUCP; callers still write it), if it looks like that.
Parsed make_address_without_domain(const AddressToken& word) {
    const std::size_t bang = word.is_quoted ? std::string::npos : word.text.find('!');
    if (bang != std::string::npos && bang + 1 < word.text.size()) {
        const std::string_view host = std::string_view(word.text).substr(0, bang);
        if (is_domain_name(host)) {
            return make_address(std::string_view(word.text).substr(bang + 1), host);
        }
    }
    return make_address(word.text, "");
}

using Tokens = std::span<const AddressToken>;

bool has_kind(Tokens tokens, Kind kind) {
    return std::any_of(tokens.begin(), tokens.end(), [&](const AddressToken& token) {
        return token.kind == kind;
    });
}

/// addr-spec, or a local part alone.
Parsed parse_spec(Tokens tokens) {
    if (tokens.empty()) {
        return reject("empty address");
    }
    if (tokens[0].kind == Kind::at) {
        return reject("no local part");
    }
    if (tokens[0].kind != Kind::word) {
        return reject("not an address");
    }
    if (tokens.size() == 1) {
        return make_address_without_domain(tokens[0]);
    }
    if (tokens[1].kind != Kind::at) {
        return reject("not an address");
    }
    if (tokens.size() == 2) {
        return reject("no domain");
    }
    const bool is_domain =
        tokens[2].kind == Kind::literal || (tokens[2].kind == Kind::word && !tokens[2].is_quoted);
    if (!is_domain || tokens.size() > 3) {
        return reject(is_domain && tokens[3].kind == Kind::at ? "two @" : "bad domain");
    }
    return make_address_with_domain(tokens[0].text, tokens[2].text);
}

/// What is found on the way through a list.
class ListHandler {
public:
    virtual ~ListHandler() = default;
    /// An address; it stands from offset `begin` to before `end`.
    virtual void on_address(Address address, std::size_t begin, std::size_t end) = 0;
    /// A source route that was left out; its address follows.
    virtual void on_route(std::size_t begin, std::size_t end) = 0;
    virtual void on_bad(std::size_t begin, std::size_t end, const char* reason) = 0;
};

class ListParser {
public:
    ListParser(std::string_view text, ListHandler& handler) : lexer_(text), handler_(handler) {}

    void run() {
        while (!is_ended_) {
            take(lexer_.next());
        }
    }

private:
    void take(AddressToken token);
    void take_colon(const AddressToken& token);
    void end_element(const AddressToken& separator);
    void skip_element(const char* reason, std::size_t end);
    void emit(Tokens tokens);
    void emit_angle(Tokens tokens);
    void emit_plain(Tokens tokens, bool is_after_address);
    void found(Address address, Tokens spec);

    AddressLexer lexer_;
    ListHandler& handler_;
    std::vector<AddressToken> element_;  // tokens since the last separator
    bool is_in_angle_ = false;           // after '<'
    std::size_t angle_ = 0;              // index in element_ of the token after '<'
    std::vector<std::pair<std::size_t, std::size_t>> routes_;  // this element's: begin, end
    std::size_t told_ = 0;                                     // of them
    bool is_skipping_ = false;  // the element was found bad, its rest is passed over
    bool is_ended_ = false;
};

void ListParser::skip_element(const char* reason, std::size_t end) {
    const std::size_t begin = element_.empty() ? end : element_.front().begin;
    handler_.on_bad(begin, end, reason);
    element_.clear();
    is_in_angle_ = false;
    is_skipping_ = true;
}

void ListParser::take(AddressToken token) {
    // take_colon() takes a finished route out, so one that is there has no end yet.
    const bool is_in_route =
        is_in_angle_ && angle_ < element_.size() && element_[angle_].kind == Kind::at;
    if (is_in_route && element_.back().kind == Kind::comma && token.kind != Kind::at &&
        token.kind != Kind::comma) {
        // Not "<@x,@y:u@d>": the comma was a separator, and the bracket isn't closed.
        const AddressToken comma = element_.back();
        element_.pop_back();
        lexer_.seek(comma.end);
        end_element(comma);
    } else if (is_in_route && token.kind == Kind::comma) {
        element_.push_back(std::move(token));
    } else if (token.is_separator()) {
        end_element(token);
    } else if (is_skipping_) {
        return;
    } else if (element_.size() >= kMaxElement) {
        skip_element("too long", token.end);
    } else if (token.kind == Kind::bad) {
        const std::size_t end = token.end;
        const std::string reason = token.text;
        element_.push_back(std::move(token));
        skip_element(reason.c_str(), end);
    } else if (token.kind == Kind::colon) {
        take_colon(token);
    } else if (token.kind == Kind::open && is_in_angle_) {
        element_.push_back(token);
        skip_element("< within <>", token.end);
    } else if (token.kind == Kind::close && !is_in_angle_) {
        element_.push_back(token);
        skip_element("> without <", token.end);
    } else {
        const Kind kind = token.kind;
        element_.push_back(std::move(token));
        if (kind == Kind::open) {
            is_in_angle_ = true;
            angle_ = element_.size();
        } else if (kind == Kind::close) {
            is_in_angle_ = false;
        }
    }
}

/// End of a group's name, or of a source route.
void ListParser::take_colon(const AddressToken& token) {
    const auto start = element_.begin() + (is_in_angle_ ? static_cast<std::ptrdiff_t>(angle_) : 0);
    if (start != element_.end() && start->kind == Kind::at) {
        routes_.emplace_back(start->begin, token.end);
        element_.erase(start, element_.end());
        return;
    }
    const bool is_name = !is_in_angle_ && !element_.empty() && !has_kind(element_, Kind::at) &&
                         !has_kind(element_, Kind::open);
    if (is_name) {
        element_.clear();  // the members follow, as elements of their own
        return;
    }
    element_.push_back(token);
    skip_element("misplaced colon", token.end);
}

void ListParser::end_element(const AddressToken& separator) {
    if (is_in_angle_) {
        skip_element("< without >", separator.begin);
    } else if (element_.empty() && told_ < routes_.size() && !is_skipping_) {
        handler_.on_bad(routes_.back().first, separator.begin, "no local part");
    } else if (!is_skipping_) {
        emit(element_);
    }
    element_.clear();
    routes_.clear();
    told_ = 0;
    is_in_angle_ = false;
    is_skipping_ = false;
    is_ended_ = separator.kind == Kind::end;
}

/// One element, which may hold several addresses without a comma between them.
void ListParser::emit(Tokens tokens) {
    bool is_after_address = false;
    while (true) {
        const auto open = std::find_if(tokens.begin(), tokens.end(), [](const AddressToken& token) {
            return token.kind == Kind::open;
        });
        if (open == tokens.end()) {
            emit_plain(tokens, is_after_address);
            return;
        }
        const auto close = std::find_if(open, tokens.end(), [](const AddressToken& token) {
            return token.kind == Kind::close;
        });
        emit_angle(Tokens(open, close + 1));
        is_after_address = true;
        tokens = Tokens(close + 1, tokens.end());
    }
}

/// With the source routes in front of it, so that all is told in the order of the text.
void ListParser::found(Address address, Tokens spec) {
    for (; told_ < routes_.size() && routes_[told_].first < spec.front().begin; ++told_) {
        handler_.on_route(routes_[told_].first, routes_[told_].second);
    }
    handler_.on_address(std::move(address), spec.front().begin, spec.back().end);
}

/// "<spec>".
void ListParser::emit_angle(Tokens tokens) {
    const Tokens spec = tokens.subspan(1, tokens.size() - 2);
    Parsed parsed = parse_spec(spec);
    if (parsed.address) {
        found(std::move(*parsed.address), spec);
    } else {
        handler_.on_bad(tokens.front().begin, tokens.back().end, parsed.reason);
    }
}

/// Addresses without brackets, separated by white space.
void ListParser::emit_plain(Tokens tokens, bool is_after_address) {
    std::vector<Tokens> pieces;
    for (std::size_t begin = 0, i = 1; i <= tokens.size(); ++i) {
        const bool is_cut =
            i == tokens.size() || (tokens[i].has_space_before && tokens[i].kind != Kind::at &&
                                   tokens[i - 1].kind != Kind::at);
        if (is_cut) {
            pieces.push_back(tokens.subspan(begin, i - begin));
            begin = i;
        }
    }
    if (pieces.empty()) {
        return;
    }
    // Words without a domain are rather a name whose address is missing than several local users.
    const bool is_list = std::all_of(pieces.begin(), pieces.end(), [](Tokens piece) {
        return has_kind(piece, Kind::at) || piece[0].text.find('!') != std::string::npos;
    });
    if ((pieces.size() > 1 || is_after_address) && !is_list) {
        const char* const reason = is_after_address ? "text after the address" : "name, no address";
        handler_.on_bad(tokens.front().begin, tokens.back().end, reason);
        return;
    }
    for (const Tokens piece : pieces) {
        Parsed parsed = parse_spec(piece);
        if (parsed.address) {
            found(std::move(*parsed.address), piece);
        } else {
            handler_.on_bad(piece.front().begin, piece.back().end, parsed.reason);
        }
    }
}

class Collector final : public ListHandler {
public:
    Collector(std::string_view text, AddressList& list) : text_(text), list_(list) {}

    void on_address(Address address, std::size_t, std::size_t) override {
        list_.addresses.push_back(std::move(address));
    }
    void on_route(std::size_t, std::size_t) override {}
    void on_bad(std::size_t begin, std::size_t end, const char* reason) override {
        if (list_.bad.size() < kMaxBad) {
            const std::string_view text = trim(text_.substr(begin, end - begin));
            list_.bad.push_back({printable(text, kMaxBadText), reason});
        }
    }

private:
    std::string_view text_;
    AddressList& list_;
};

/// Copies the text, changing what must be changed.
class Editor : public ListHandler {
public:
    explicit Editor(std::string_view text) : text_(text) {}

    void on_bad(std::size_t, std::size_t, const char*) override { is_bad_ = true; }

    std::string take_result() {
        if (is_bad_) {
            return std::string(text_);
        }
        copy_to(text_.size());
        return std::move(result_);
    }

protected:
    void copy_to(std::size_t end) {
        result_ += text_.substr(copied_, end - copied_);
        copied_ = end;
    }
    /// From where copying ended to `end`, `text` takes the place of what stands there.
    void put(std::string_view text, std::size_t end) {
        result_ += text;
        copied_ = end;
    }

private:
    std::string_view text_;
    std::string result_;
    std::size_t copied_ = 0;
    bool is_bad_ = false;
};

class Qualifier final : public Editor {
public:
    Qualifier(std::string_view text, std::string_view domain) : Editor(text), domain_(domain) {}

    void on_address(Address address, std::size_t, std::size_t end) override {
        if (!address.is_qualified()) {
            copy_to(end);
            put("@" + domain_, end);
        }
    }
    void on_route(std::size_t begin, std::size_t end) override {
        copy_to(begin);
        put("", end);
    }

private:
    std::string domain_;
};

class Rewriter final : public Editor {
public:
    using Change = std::function<std::optional<Address>(const Address&)>;
    Rewriter(std::string_view text, const Change& change) : Editor(text), change_(change) {}

    void on_address(Address address, std::size_t begin, std::size_t end) override {
        if (const auto changed = change_(address)) {
            // A source route in front of it goes with the old address.
            copy_to(route_.value_or(begin));
            put(changed->text(), end);
        }
        route_.reset();
    }
    void on_route(std::size_t begin, std::size_t) override { route_ = route_.value_or(begin); }

private:
    const Change& change_;
    std::optional<std::size_t> route_;
};

/// RFC 5321 4.1.2 Quoted-string at the front of `text`: its characters, and its length.
std::optional<std::pair<std::string, std::size_t>> smtp_quoted(std::string_view text) {
    std::string raw;
    for (std::size_t i = 1; i < text.size(); ++i) {
        if (text[i] == '"') {
            return std::pair(raw, i + 1);
        }
        if (text[i] == '\\' && ++i == text.size()) {
            break;
        }
        raw += text[i];
    }
    return std::nullopt;
}

}  // namespace

bool Address::needs_smtp_utf8() const {
    return !is_ascii(local_part_);
}

bool Address::is_same(const Address& other) const {
    return local_part_ == other.local_part_ && ascii_iequals(domain_, other.domain_);
}

std::string path_text(const ReversePath& path) {
    return path ? path->text() : std::string();
}

bool is_domain_name(std::string_view text) {
    if (text.empty() || text.size() > kMaxDomain || !is_utf8(text) || has_control(text)) {
        return false;
    }
    for (const std::string_view label : split(text, '.')) {
        const bool is_fine = std::all_of(label.begin(), label.end(), [](char c) {
            return is_alphanumeric(c) || c == '-' || c == '_' || is_high(c);
        });
        if (label.empty() || label.size() > kMaxLabel || !is_fine) {
            return false;
        }
    }
    return true;
}

AddressList parse_address_list(std::string_view text) {
    AddressList list;
    Collector collector(text, list);
    ListParser(text, collector).run();
    return list;
}

Result<ReversePath> parse_reverse_path(std::string_view text) {
    text = trim(text);
    if (text.empty() || text == "<>") {
        return ReversePath();
    }
    AddressList list = parse_address_list(text);
    if (!list.bad.empty()) {
        return Error::invalid(list.bad.front().text + ": " + list.bad.front().reason);
    }
    if (list.addresses.size() != 1) {
        const char* const reason = list.addresses.empty() ? ": no address" : ": several addresses";
        return Error::invalid(printable(text, kMaxBadText) + reason);
    }
    return ReversePath(std::move(list.addresses.front()));
}

Result<Address> parse_smtp_address(std::string_view text) {
    const std::string_view whole = text;
    const auto error = [&](const char* reason) {
        return Error::invalid(printable(whole, kMaxBadText) + ": " + reason);
    };
    if (text.starts_with('@')) {
        const std::size_t colon = text.find(':');
        if (colon == std::string_view::npos) {
            return error("no local part");
        }
        text.remove_prefix(colon + 1);
    }
    std::string raw;
    std::size_t length = 0;
    if (text.starts_with('"')) {
        const auto quoted = smtp_quoted(text);
        if (!quoted) {
            return error("quote without end");
        }
        std::tie(raw, length) = *quoted;
    } else {
        length = std::min(text.find('@'), text.size());
        raw = text.substr(0, length);
        if (!is_dot_atom(raw)) {
            return error("bad local part");
        }
    }
    text.remove_prefix(length);
    const bool is_qualified = text.starts_with('@');
    if (!is_qualified && !text.empty()) {
        return error("bad local part");
    }
    Parsed parsed =
        is_qualified ? make_address_with_domain(raw, text.substr(1)) : make_address(raw, "");
    if (!parsed.address) {
        return error(parsed.reason);
    }
    return std::move(*parsed.address);
}

std::string qualify_address_field(std::string_view value, std::string_view domain) {
    Qualifier qualifier(value, domain);
    ListParser(value, qualifier).run();
    return qualifier.take_result();
}

std::string rewrite_address_field(
    std::string_view value, const std::function<std::optional<Address>(const Address&)>& change
) {
    Rewriter rewriter(value, change);
    ListParser(value, rewriter).run();
    return rewriter.take_result();
}

}  // namespace mxpost::mail
