#include "support/scripted_names.h"

#include <dlfcn.h>
#include <netdb.h>

#include <cerrno>

using network_system::testing::scripted_name;

// Takes the place of the system's, to which names without a script go on.
extern "C" int getaddrinfo(const char* node, const char* service, const ::addrinfo* hints,
                           ::addrinfo** found) {
    static const auto system_resolver =
        reinterpret_cast<decltype(&getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
    // ThreadSanitizer cannot see the locks inside the C library.
    static std::mutex one_at_a_time;
    std::vector<std::string> addresses;
    scripted_name::failure failed;
    if (node == nullptr || (hints->ai_flags & AI_NUMERICHOST) != 0 ||
        !scripted_name::answer(node, addresses, failed)) {
        const std::lock_guard lock(one_at_a_time);
        return system_resolver(node, service, hints, found);
    }
    if (failed.status != 0) {
        errno = failed.error;
        return failed.status;
    }
    // One list of several: the system frees them one by one.
    const std::lock_guard lock(one_at_a_time);
    ::addrinfo** end = found;
    *end = nullptr;
    for (const std::string& address : addresses) {
        if (const int status = system_resolver(address.c_str(), service, hints, end); status != 0) {
            return status;
        }
        while (*end != nullptr) {
            end = &(*end)->ai_next;
        }
    }
    return addresses.empty() ? EAI_NONAME : 0;
}
