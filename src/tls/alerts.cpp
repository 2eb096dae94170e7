#include "tls/alerts.h"

namespace network_system::inline v0_1::transport {

const char* name_of_tls_alert(int alert) noexcept {
    switch (alert) {
        case 0: return "close notify";
        case 10: return "unexpected message";
        case 20: return "bad record MAC";
        case 21: return "decryption failed";
        case 22: return "record overflow";
        case 30: return "decompression failure";
        case 40: return "handshake failure";
        case 41: return "no certificate";
        case 42: return "bad certificate";
        case 43: return "unsupported certificate";
        case 44: return "certificate revoked";
        case 45: return "certificate expired";
        case 46: return "certificate unknown";
        case 47: return "illegal parameter";
        case 48: return "unknown CA";
        case 49: return "access denied";
        case 50: return "decode error";
        case 51: return "decrypt error";
        case 52: return "too many CIDs requested";
        case 60: return "export restriction";
        case 70: return "protocol version";
        case 71: return "insufficient security";
        case 80: return "internal error";
        case 86: return "inappropriate fallback";
        case 90: return "user canceled";
        case 100: return "no renegotiation";
        case 109: return "missing extension";
        case 110: return "unsupported extension";
        case 111: return "certificate unobtainable";
        case 112: return "unrecognized name";
        case 113: return "bad certificate status response";
        case 114: return "bad certificate hash value";
        case 115: return "unknown PSK identity";
        case 116: return "certificate required";
        case 117: return "general error";
        case 120: return "no application protocol";
        case 121: return "ECH required";
        default: return "not a registered alert";
    }
}

}  // namespace network_system::transport
