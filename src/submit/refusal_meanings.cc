#include "submit/refusal_meanings.h"

#include "diagnose/load.h"
#include "diagnose/port_25.h"

namespace mxpost::submit {

void RefusalMeanings::note(const mail::RecipientOutcome& outcome) {
    if (outcome.reply_code == 0) {  // rules are about replies; this is the engine's own finding
        if (outcome.text.starts_with(diagnose::kPortBlocked)) {
            ++counts_[diagnose::port_blocked_advice()];
        }
        return;
    }
    if (!rules_) {
        auto loaded = diagnose::load_rules(files_, path_);
        rules_ = loaded ? std::move(*loaded) : diagnose::RuleBook::shipped();
    }
    const diagnose::Ruling ruling = rules_->rule(outcome);
    if (!ruling.notice.empty()) {
        ++counts_[std::string(ruling.notice)];
    }
}

}  // namespace mxpost::submit
