#include "support/narrow_provider.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/provider.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace network_system::inline v0_1::testing {
namespace {

/// The default provider, in a library context of its own: whatever is asked of the narrow one is
/// passed on to it.
OSSL_PROVIDER* whole() {
    static OSSL_PROVIDER* const loaded = OSSL_PROVIDER_load(OSSL_LIB_CTX_new(), "default");
    return loaded;
}

bool is_left_out(std::string_view names) {
    constexpr std::array gone = std::to_array<std::string_view>({"X25519", "X448", "ChaCha20"});
    return std::any_of(gone.begin(), gone.end(),
                       [names](std::string_view each) { return names.starts_with(each); });
}

const OSSL_ALGORITHM* query(void*, int operation, int* no_store) {
    static std::array<std::vector<OSSL_ALGORITHM>, OSSL_OP__HIGHEST + 1> all;
    auto& kept = all.at(static_cast<std::size_t>(operation));
    const OSSL_ALGORITHM* each = OSSL_PROVIDER_query_operation(whole(), operation, no_store);
    if (each == nullptr || !kept.empty()) {
        return each == nullptr ? nullptr : kept.data();
    }
    for (; each->algorithm_names != nullptr; ++each) {
        if (!is_left_out(each->algorithm_names)) {
            kept.push_back(*each);
        }
    }
    kept.push_back({});
    return kept.data();
}

struct group_receiver {
    OSSL_CALLBACK* tell;
    void* argument;
};

int pass_on(const OSSL_PARAM* group, void* argument) {
    const OSSL_PARAM* const name =
        OSSL_PARAM_locate_const(group, OSSL_CAPABILITY_TLS_GROUP_NAME_INTERNAL);
    const char* text = nullptr;
    if (name != nullptr && OSSL_PARAM_get_utf8_string_ptr(name, &text) == 1 && is_left_out(text)) {
        return 1;
    }
    const auto* const receiver = static_cast<group_receiver*>(argument);
    return receiver->tell(group, receiver->argument);
}

int capabilities(void*, const char* capability, OSSL_CALLBACK* tell, void* argument) {
    group_receiver receiver{tell, argument};
    return OSSL_PROVIDER_get_capabilities(whole(), capability, &pass_on, &receiver);
}

int initialize(const OSSL_CORE_HANDLE*, const OSSL_DISPATCH*, const OSSL_DISPATCH** functions,
               void** context) {
    using function = void (*)();
    static const OSSL_DISPATCH own[] = {
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, reinterpret_cast<function>(&query)},
        {OSSL_FUNC_PROVIDER_GET_CAPABILITIES, reinterpret_cast<function>(&capabilities)},
        {0, nullptr},
    };
    *functions = own;
    *context = OSSL_PROVIDER_get0_provider_ctx(whole());
    return 1;
}

}  // namespace

bool narrow_openssl() {
    // As soon as one provider is loaded, OpenSSL does not load the default one by itself.
    return whole() != nullptr && OSSL_PROVIDER_add_builtin(nullptr, "narrow", &initialize) == 1 &&
           OSSL_PROVIDER_load(nullptr, "narrow") != nullptr;
}

}  // namespace network_system::testing
