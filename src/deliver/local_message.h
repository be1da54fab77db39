// A message as mailboxes and programs of this host get it: LF lines, with the fields that final
// delivery adds (RFC 5321 4.4).
#pragma once

#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/file_system.h"
#include "mail/address.h"
#include "mail/content.h"

namespace mxpost::deliver {

struct LocalTrace {
    mail::ReversePath sender;    // Return-Path
    mail::Address delivered_to;  // the local address, after aliases: what loops are found by
    mail::Address original_to;   // the envelope's recipient: X-Original-To
};

/// `header` (CRLF lines) with Return-Path, X-Original-To and Delivered-To before it. A Return-Path
/// that it had is removed; its Delivered-To fields stay: they are the way that the message came.
std::string local_header(std::string_view header, const LocalTrace& trace);

/// The field for copies that go on, with its line end. ASCII whatever the address is, so that no
/// copy needs SMTPUTF8 for it: A-labels, and a local part as "j\x{F6}rg" (RFC 6533 3).
std::string delivered_to_field(const mail::Address& address);

/// True when the header says that the message was delivered to `address` before: a loop.
bool was_delivered_to(std::string_view header, const mail::Address& address);

/// All of `content` (from its start) with LF lines, in a file without a name: in memory up to some
/// megabytes, else in /var/tmp. Blocks on the disk only.
Result<Fd> make_local_message(FileSystem& files, mail::Content& content);

}  // namespace mxpost::deliver
