#include "deliver/local_message.h"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <sys/mman.h>

#include "base/text.h"
#include "mail/header.h"
#include "mail/xtext.h"
#include "route/domain_name.h"

namespace mxpost::deliver {

namespace {

constexpr std::uint64_t kMaxInMemory = 4 * 1024 * 1024;
constexpr std::string_view kDeliveredTo = "Delivered-To";

std::string ascii_text(const mail::Address& address) {
    if (is_ascii(address.text())) {
        return address.text();
    }
    const std::string& name = address.local_part();
    const auto domain = route::to_a_labels(address.domain());
    const mail::Address ascii(
        address.needs_smtp_utf8() ? mail::to_utf8_address_xtext(name) : name,
        domain ? *domain : mail::to_utf8_address_xtext(address.domain())
    );
    return ascii.text();
}

Result<Fd> memory_file() {
    Fd fd(::memfd_create("mxpost-message", MFD_CLOEXEC));
    if (!fd) {
        return Error::from_errno(errno, "memfd_create");
    }
    return fd;
}

Result<Fd> nameless_file(FileSystem& files, std::uint64_t size) {
    if (size > kMaxInMemory) {
        for (const char* directory : {"/var/tmp", "/tmp"}) {
            if (auto fd = files.open(AT_FDCWD, directory, O_TMPFILE | O_RDWR, 0600)) {
                return fd;
            }
        }
    }
    return memory_file();
}

/// CRLF becomes LF, also where a buffer ends between the two.
class LineEnds {
public:
    std::string convert(std::string_view text) {
        std::string out;
        out.reserve(text.size() + 1);
        for (const char c : text) {
            if (had_cr_ && c != '\n') {
                out += '\r';
            }
            had_cr_ = c == '\r';
            if (!had_cr_) {
                out += c;
            }
        }
        return out;
    }
    std::string_view rest() const { return had_cr_ ? "\r" : ""; }

private:
    bool had_cr_ = false;
};

}  // namespace

std::string local_header(std::string_view header, const LocalTrace& trace) {
    mail::HeaderBlock block = mail::parse_header(header);
    std::erase_if(block.fields, [](const auto& field) { return field.is("Return-Path"); });
    return "Return-Path: <" + mail::path_text(trace.sender) +
           ">\r\nX-Original-To: " + trace.original_to.text() + "\r\n" +
           delivered_to_field(trace.delivered_to) + block.text();
}

std::string delivered_to_field(const mail::Address& address) {
    return std::string(kDeliveredTo) + ": " + ascii_text(address) + "\r\n";
}

bool was_delivered_to(std::string_view header, const mail::Address& address) {
    const std::string text = ascii_text(address);
    for (const mail::HeaderField& field : mail::parse_header(header).fields) {
        if (field.is(kDeliveredTo) && ascii_iequals(field.text(), text)) {
            return true;
        }
    }
    return false;
}

Result<Fd> make_local_message(FileSystem& files, mail::Content& content) {
    auto fd = nameless_file(files, content.size());
    if (!fd) {
        return fd;
    }
    if (auto done = content.rewind(); !done) {
        return done.error();
    }
    std::array<char, 64 * 1024> buffer{};
    LineEnds line_ends;
    while (true) {
        const auto got = content.read(buffer);
        if (!got) {
            return got.error();
        }
        const std::string_view text =
            *got == 0 ? line_ends.rest() : std::string_view(buffer.data(), *got);
        const std::string converted = *got == 0 ? std::string(text) : line_ends.convert(text);
        if (auto done = files.write(fd->get(), converted); !done) {
            return done.error();
        }
        if (*got == 0) {
            return fd;
        }
    }
}

}  // namespace mxpost::deliver
