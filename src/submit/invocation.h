// Invocation: what a call of `sendmail` asks for, out of argv.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/settings.h"
#include "mail/envelope.h"
#include "submit/queue_selection.h"

namespace mxpost::submit {

enum class Mode : std::uint8_t {
    deliver,        // -bm: a message on standard input
    speak_smtp,     // -bs: SMTP on standard input and output
    print_queue,    // -bp, mailq
    count_queue,    // -bP
    print_hosts,    // -bh, hoststat
    purge_hosts,    // -bH, purgestat: nothing is kept that would need it
    flush_queue,    // -q: what is selected of the caller's is due now
    run_once,       // -qf: one pass over the queue, waiting for it
    start_engine,   // -bd, -q15m: the system engine, in the background
    run_engine,     // -bD: the system engine, in this process
    check_aliases,  // -bi, newaliases
    verify,         // -bv: where mail for the operands goes
    test,           // -bt: the same, for lines
    check_config,   // -bC
    print_help,     // --help
    print_version   // --version
};

struct Invocation {
    Mode mode = Mode::deliver;

    bool listens = false;  // -bd, -bD: the engine takes mail by SMTP, whatever the settings say

    std::vector<std::string> operands;  // recipients, as written
    bool has_operand_mark = false;      // "--" stood before them

    std::optional<std::string> sender;     // -f, -r
    std::optional<std::string> full_name;  // -F
    bool takes_recipients = false;         // -t
    bool ignores_dots = false;             // -i
    bool is_gateway = false;               // -G
    bool is_verbose = false;               // -v
    std::uint64_t hop_count = 0;           // -h
    QueueSelection selection;              // -qI, -qR, -qS, …: for print, flush and run_once
    std::optional<config::DeliveryMode> delivery_mode;
    mail::ErrorMode error_mode = mail::ErrorMode::mail;
    mail::NotifySet notify = 0;
    mail::DsnReturn dsn_return = mail::DsnReturn::unset;
    std::string envelope_id;  // xtext
};

}  // namespace mxpost::submit
