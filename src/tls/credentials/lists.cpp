// The lists of names in a TLS configuration: what is in them, and what is wrong with it.
#include "tls/credentials/lists.h"

#include "utils/ascii.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

namespace network_system::inline v0_1::core {
namespace {

constexpr std::string_view unknown = "is unknown to this OpenSSL";

/// The words of ciphers(1), of this version of OpenSSL and of those before it. This OpenSSL may
/// have no cipher for one of them.
constexpr std::string_view cipher_words =
    " 3DES ADH AECDH AES AES128 AES256 AESCCM AESCCM8 AESGCM ALL ARIA ARIA128 ARIA256 "
    "ARIAGCM CAMELLIA CAMELLIA128 CAMELLIA256 CBC CHACHA20 COMPLEMENTOFALL "
    "COMPLEMENTOFDEFAULT DES DH DHE DSS ECDH ECDHE ECDSA EDH EECDH EXP EXPORT EXPORT40 "
    "EXPORT56 FIPS FZA GOST GOST12 GOST89MAC GOST94 HIGH IDEA KRB5 KUZNYECHIK LOW "
    "MAGMA MD5 MEDIUM NULL PSK RC2 RC4 RSA SEED SHA SHA1 SHA256 SHA384 SRP SSLv2 SSLv3 "
    "STREEBOG256 STREEBOG512 TLSv1 TLSv1.0 TLSv1.2 aDH aDSS aECDH aECDSA aFZA aGOST "
    "aGOST01 aGOST12 aGOST94 aKRB5 aNULL aPSK aRSA aSRP eFZA eNULL kDH kDHE kDHEPSK "
    "kDHd kDHr kECDH kECDHE kECDHEPSK kECDHe kECDHr kEDH kEECDH kFZA kGOST kGOST18 "
    "kKRB5 kPSK kRSA kRSAPSK kSRP ";

/// No OpenSSL 3 has a cipher whose name begins like these: fixed Diffie-Hellman keys are gone.
constexpr std::array gone_prefixes =
    std::to_array<std::string_view>({"DH-DSS-", "DH-RSA-", "ECDH-ECDSA-", "ECDH-RSA-"});

bool is_cipher_word(const std::string& word) {
    return cipher_words.find(' ' + word + ' ') != std::string_view::npos;
}

bool is_name_character(char each) noexcept {
    return detail::is_alphanumeric(each) || each == '-' || each == '_' || each == '.';
}

std::vector<std::string> split(std::string_view text, std::string_view separators) {
    std::vector<std::string> parts;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find_first_of(separators, begin), text.size());
        parts.emplace_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return parts;
}

/// Blanks separate too, but those beside another separator do not make an empty element.
std::vector<std::string> cipher_elements(std::string_view list) {
    std::vector<std::string> elements(1);
    bool is_after_blank = false;
    for (const char each : list) {
        const bool is_separator = each == ':' || each == ',' || each == ';';
        if (is_separator || (is_after_blank && each != ' ' && !elements.back().empty())) {
            elements.emplace_back();
        }
        if (!is_separator && each != ' ') {
            elements.back() += each;
        }
        is_after_blank = each == ' ';
    }
    return elements;
}

/// "ALL!RC4@STRENGTH" is three rules.
std::vector<cipher_rule> rules_of(const std::string& element) {
    std::vector<cipher_rule> rules;
    for (std::size_t begin = 0; begin < element.size();) {
        const char first = element[begin];
        const bool has_operation = first == '!' || first == '-' || first == '+' || first == '@';
        const std::size_t words = begin + (has_operation ? 1 : 0);
        // What follows '@' in the same element OpenSSL would skip.
        const std::size_t end = first == '@'
                                    ? element.size()
                                    : std::min(element.find_first_of("!@", words), element.size());
        rules.push_back({has_operation ? first : '\0', element.substr(words, end - words)});
        begin = end;
    }
    return rules;
}

std::string text_of_rule(const cipher_rule& rule) {
    return (rule.operation != 0 ? std::string(1, rule.operation) : std::string()) + rule.words;
}

std::string wrong_in_form(const cipher_rule& rule) {
    if (rule.operation == '@') {
        const bool is_level = rule.words.starts_with("SECLEVEL=") && rule.words.size() == 10 &&
                              rule.words[9] >= '0' && rule.words[9] <= '5';
        return is_level || rule.words == "STRENGTH"
                   ? std::string()
                   : detail::in_quotes(text_of_rule(rule)) +
                         " is neither @STRENGTH nor @SECLEVEL=0 to 5";
    }
    for (const std::string& word : split(rule.words, "+")) {
        const bool is_name = std::all_of(word.begin(), word.end(), [](char each) {
            return is_name_character(each) || each == '=';  // PROFILE=SYSTEM
        });
        if (word.empty() || !is_name) {
            return detail::in_quotes(text_of_rule(rule)) + " is not a name";
        }
    }
    return {};
}

/// Whether a name that this OpenSSL does not know is that of a cipher which it does not have. A
/// cipher is not there when one of its algorithms is not.
bool is_gone(const std::string& name, const cipher_lookup& lookup) {
    const auto begins_name = [&](std::string_view prefix) { return name.starts_with(prefix); };
    if (std::any_of(gone_prefixes.begin(), gone_prefixes.end(), begins_name)) {
        return true;
    }
    const std::vector<std::string> parts = split(name, "-_");
    return std::any_of(parts.begin(), parts.end(), [&](const std::string& part) {
        // "DES-CBC3" in names is "3DES" as a word.
        const std::string word = part == "DES" ? "3DES" : part;
        return is_cipher_word(word) && lookup(word) == cipher_match::none;
    });
}

std::string unknown_word(const std::string& word) {
    const bool is_suite = word.starts_with("TLS_") && word.find("_WITH_") == std::string::npos;
    return detail::in_quotes(word) + (is_suite ? " is not a cipher of TLS 1.2: see cipher_suites"
                                               : fmt::format(" {}", unknown));
}

std::string wrong_in_rule(const cipher_rule& rule, const cipher_lookup& lookup) {
    for (const std::string& word : split(rule.words, "+")) {
        if (opens_cipher_list(word)) {
            return detail::in_quotes(word) + " has to come first and alone";
        }
        const bool is_known = lookup(word) != cipher_match::none || is_cipher_word(word) ||
                              (rule.operation != 0 && is_gone(word, lookup));
        if (!is_known) {
            return unknown_word(word);
        }
    }
    // A class of strength is what there is of it, and may be empty.
    if (rule.operation != 0 || rule.words == "MEDIUM" || rule.words == "LOW") {
        return {};
    }
    switch (lookup(rule.words)) {
        case cipher_match::none:
            return detail::in_quotes(rule.words) + " names no cipher of this OpenSSL";
        case cipher_match::unusable:
            return detail::in_quotes(rule.words) + " names only ciphers that cannot be used here";
        case cipher_match::usable: break;
    }
    return {};
}

}  // namespace

std::string wrong_in_names(std::string_view list, const name_check& check) {
    std::set<std::string> seen;
    for (const std::string& name : split(list, ":")) {
        if (name.empty()) {
            return "an element is empty";
        }
        if (!std::all_of(name.begin(), name.end(), is_name_character)) {
            return detail::in_quotes(name) + " is not a name";
        }
        if (!seen.insert(name).second) {
            return detail::in_quotes(name) + " is there twice";
        }
        if (const std::string wrong = check(name); !wrong.empty()) {
            return detail::in_quotes(name) + ' ' + wrong;
        }
    }
    return {};
}

std::string known_part(std::string_view list, const name_check& check) {
    std::string known;
    for (const std::string& name : split(list, ":")) {
        if (check(name).empty()) {
            known += (known.empty() ? "" : ":") + name;
        }
    }
    return known;
}

std::string cipher_list::text() const {
    std::string all;
    for (const cipher_rule& rule : rules) {
        all += (all.empty() ? "" : ":") + text_of_rule(rule);
    }
    return all;
}

cipher_list parse_cipher_list(std::string_view list) {
    cipher_list parsed;
    for (const std::string& element : cipher_elements(list)) {
        if (element.empty()) {
            parsed.wrong = "an element is empty";
            return parsed;
        }
        for (cipher_rule& rule : rules_of(element)) {
            parsed.wrong = wrong_in_form(rule);
            if (!parsed.wrong.empty()) {
                return parsed;
            }
            parsed.rules.push_back(std::move(rule));
        }
    }
    return parsed;
}

bool opens_cipher_list(std::string_view word) noexcept {
    constexpr std::array openers = std::to_array<std::string_view>(
        {"DEFAULT", "PROFILE=SYSTEM", "SUITEB128", "SUITEB128C2", "SUITEB128ONLY", "SUITEB192"});
    return std::find(openers.begin(), openers.end(), word) != openers.end();
}

std::string wrong_in_ciphers(const cipher_list& list, const cipher_lookup& lookup) {
    bool is_first = true;
    for (const cipher_rule& rule : list.rules) {
        const bool opens = is_first && rule.operation == 0 && opens_cipher_list(rule.words);
        is_first = false;
        if (opens && rule.words.starts_with("SUITEB") && list.rules.size() > 1) {
            return detail::in_quotes(rule.words) + " has to be alone: OpenSSL ignores what follows";
        }
        if (opens && lookup(rule.words) == cipher_match::none) {
            return unknown_word(rule.words);
        }
        if (opens || rule.operation == '@') {
            continue;
        }
        if (std::string wrong = wrong_in_rule(rule, lookup); !wrong.empty()) {
            return wrong;
        }
    }
    return {};
}

}  // namespace network_system::core
