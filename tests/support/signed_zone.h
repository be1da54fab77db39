// SignedZone: a root zone with a key of its own, for ScriptedDnsServer: the records that a test
// puts in, with their signatures. It proves no absence: what isn't there is answered without a
// proof.
#pragma once

#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <ldns/ldns.h>

#include "support/dns_server.h"

namespace mxpost::test {

class SignedZone {
public:
    SignedZone() : key_(ldns_key_new_frm_algorithm(LDNS_SIGN_ECDSAP256SHA256, 256)) {
        ldns_key_set_pubkey_owner(key_.get(), ldns_dname_new_frm_str("."));
        ldns_key_set_flags(key_.get(), LDNS_KEY_ZONE_KEY | LDNS_KEY_SEP_KEY);
        dnskey_.reset(ldns_key2rr(key_.get()));
        ldns_key_set_keytag(key_.get(), ldns_calc_keytag(dnskey_.get()));
        sets_.push_back(signed_set({text_of(*dnskey_)}));
    }

    /// A trust anchor: one line.
    std::string anchor() const { return text_of(*dnskey_); }

    /// Records of one name and type, such as "mx.example. 60 IN A 192.0.2.1".
    void add(const std::vector<std::string>& records) { sets_.push_back(signed_set(records)); }
    /// What is answered for the question that `records` answer, with signatures of something else.
    void add_forged(const std::vector<std::string>& records, const std::vector<std::string>& real) {
        Set set = signed_set(real);
        set.records = list_of(records);
        sets_.push_back(std::move(set));
    }

    /// The reply, with the CNAMEs on the way.
    std::string answer(const DnsQuery& query) const {
        const Packet packet(ldns_pkt_new());
        ldns_pkt* made = packet.get();
        ldns_pkt_set_id(made, query.id());
        ldns_pkt_set_qr(made, true);
        ldns_pkt_set_rd(made, true);
        ldns_pkt_set_ra(made, true);
        const auto type = static_cast<ldns_rr_type>(query.type());
        std::string name = query.name() + ".";
        ldns_rr* question = ldns_rr_new();
        ldns_rr_set_question(question, true);
        ldns_rr_set_owner(question, ldns_dname_new_frm_str(name.c_str()));
        ldns_rr_set_type(question, type);
        ldns_rr_set_class(question, LDNS_RR_CLASS_IN);
        ldns_pkt_push_rr(made, LDNS_SECTION_QUESTION, question);
        while (const Set* alias = find(name, LDNS_RR_TYPE_CNAME)) {
            push(*made, *alias);
            if (type == LDNS_RR_TYPE_CNAME) {
                return wire_of(*made);
            }
            name = name_of(*ldns_rr_rdf(ldns_rr_list_rr(alias->records.get(), 0), 0));
        }
        if (const Set* set = find(name, type)) {
            push(*made, *set);
        }
        return wire_of(*made);
    }

private:
    struct Deleter {
        void operator()(ldns_key* key) const { ldns_key_deep_free(key); }
        void operator()(ldns_rr* record) const { ldns_rr_free(record); }
        void operator()(ldns_rr_list* list) const { ldns_rr_list_deep_free(list); }
        void operator()(ldns_pkt* packet) const { ldns_pkt_free(packet); }
    };
    using Packet = std::unique_ptr<ldns_pkt, Deleter>;
    using List = std::unique_ptr<ldns_rr_list, Deleter>;
    struct Set {
        List records;
        List signatures;
    };

    static std::string taken(char* text) {
        std::string result(text != nullptr ? text : "");
        std::free(text);
        return result;
    }
    static std::string text_of(const ldns_rr& record) {
        std::string text = taken(ldns_rr2str(&record));
        return text.substr(0, text.find_first_of(";\n"));
    }
    static std::string name_of(const ldns_rdf& name) { return taken(ldns_rdf2str(&name)); }
    static List list_of(const std::vector<std::string>& records) {
        List list(ldns_rr_list_new());
        for (const std::string& text : records) {
            ldns_rr* record = nullptr;
            if (ldns_rr_new_frm_str(&record, text.c_str(), 60, nullptr, nullptr) !=
                LDNS_STATUS_OK) {
                throw std::invalid_argument(text);
            }
            ldns_rr_list_push_rr(list.get(), record);
        }
        return list;
    }
    Set signed_set(const std::vector<std::string>& records) const {
        Set set;
        set.records = list_of(records);
        const std::unique_ptr<ldns_key_list, void (*)(ldns_key_list*)> keys(
            ldns_key_list_new(),
            [](ldns_key_list* list) {
                std::free(list->_keys);
                std::free(list);
            }
        );
        ldns_key_list_push_key(keys.get(), key_.get());
        set.signatures.reset(ldns_sign_public(set.records.get(), keys.get()));
        return set;
    }
    const Set* find(const std::string& name, ldns_rr_type type) const {
        for (const Set& set : sets_) {
            const ldns_rr& first = *ldns_rr_list_rr(set.records.get(), 0);
            if (ldns_rr_get_type(&first) == type && name_of(*ldns_rr_owner(&first)) == name) {
                return &set;
            }
        }
        return nullptr;
    }
    static void push(ldns_pkt& packet, const Set& set) {
        for (const List* list : {&set.records, &set.signatures}) {
            for (std::size_t i = 0; i < ldns_rr_list_rr_count(list->get()); ++i) {
                ldns_rr* copy = ldns_rr_clone(ldns_rr_list_rr(list->get(), i));
                ldns_pkt_push_rr(&packet, LDNS_SECTION_ANSWER, copy);
            }
        }
    }
    static std::string wire_of(const ldns_pkt& packet) {
        std::uint8_t* data = nullptr;
        std::size_t size = 0;
        ldns_pkt2wire(&data, &packet, &size);
        std::string wire(data, data + size);
        std::free(data);
        return wire;
    }

    std::unique_ptr<ldns_key, Deleter> key_;
    std::unique_ptr<ldns_rr, Deleter> dnskey_;
    std::vector<Set> sets_;
};

}  // namespace mxpost::test
