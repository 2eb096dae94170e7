#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace network_system::inline v0_1::core {

/// What is wrong with a name, to be read after it ("is unknown to this OpenSSL"); empty = nothing.
using name_check = std::function<std::string(const std::string& name)>;

/// What is wrong with a list of names separated by colons; empty = nothing. OpenSSL skips what it
/// does not know, so each name is checked on its own. Refused are also empty elements, characters
/// that are in no name (blanks among them), and a name given twice.
[[nodiscard]] std::string wrong_in_names(std::string_view list, const name_check& check);

/// The elements of a list separated by colons that `check` has nothing against.
[[nodiscard]] std::string known_part(std::string_view list, const name_check& check);

/// One rule of a cipher list, in the language of ciphers(1).
struct cipher_rule {
    /// '!', '-', '+' or '@', or 0: the ciphers are added.
    char operation = 0;
    /// "ECDHE+AESGCM"; after '@': "STRENGTH".
    std::string words;
};

struct cipher_list {
    std::vector<cipher_rule> rules;
    /// What is wrong with the form of the list; empty = nothing.
    std::string wrong;

    /// The list with colons, as OpenSSL reads it.
    [[nodiscard]] std::string text() const;
};

/// Splits a list as OpenSSL does: at colons, commas, semicolons and blanks, and before '!' and '@'.
[[nodiscard]] cipher_list parse_cipher_list(std::string_view list);

/// What a rule's words come to in one OpenSSL.
enum class cipher_match : std::uint8_t {
    /// No cipher has this name.
    none,
    /// Only ciphers that no connection could use: their security level is too low, or they need
    /// what this library does not have (PSK, SRP).
    unusable,
    usable,
};
using cipher_lookup = std::function<cipher_match(const std::string& words)>;

/// What is wrong with a list's words; empty = nothing. Added ciphers have to be there. An exclusion
/// may name what this OpenSSL no longer has, for nothing of it is left in; but a word that is none
/// is refused, for what was meant would be.
[[nodiscard]] std::string wrong_in_ciphers(const cipher_list& list, const cipher_lookup& lookup);

/// "DEFAULT": a word that OpenSSL knows only at the beginning of a list.
[[nodiscard]] bool opens_cipher_list(std::string_view word) noexcept;

}  // namespace network_system::core
