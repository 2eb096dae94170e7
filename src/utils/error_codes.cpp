#include "utils/lasting.h"

#include <network_system/utils/error_codes.h>

#include <string>

namespace network_system::inline v0_1 {
namespace {

const char* describe(errc code) noexcept {
    switch (code) {
        case errc::invalid_argument: return "invalid argument";
        case errc::not_initialized: return "not initialized";
        case errc::already_exists: return "already exists";
        case errc::not_supported: return "not supported";
        case errc::would_block: return "the call would block an I/O thread";
        case errc::cancelled: return "cancelled";
        case errc::out_of_memory: return "out of memory";
        case errc::internal_error: return "internal error";
        case errc::connection_failed: return "connection failed";
        case errc::connection_refused: return "connection refused";
        case errc::connection_timeout: return "connection timed out";
        case errc::connection_closed: return "connection closed";
        case errc::resolve_failed: return "the host name could not be resolved";
        case errc::protocol_error: return "the peer broke the protocol";
        case errc::tls_handshake_failed: return "TLS handshake failed";
        case errc::certificate_verification_failed: return "certificate verification failed";
        case errc::certificate_load_failed: return "the certificate could not be loaded";
        case errc::connection_truncated: return "the stream ended in the middle of a message";
        case errc::handshake_rejected: return "handshake rejected";
        case errc::session_not_found: return "session not found";
        case errc::session_expired: return "the session was idle for too long";
        case errc::invalid_session: return "invalid session";
        case errc::send_failed: return "send failed";
        case errc::receive_failed: return "receive failed";
        case errc::message_too_large: return "message too large";
        case errc::send_buffer_full: return "send buffer full";
        case errc::decryption_failed: return "decryption failed";
        case errc::decompression_failed: return "decompression failed";
        case errc::pipeline_mismatch: return "the peers use different pipelines";
        case errc::circuit_open: return "the circuit is open";
        case errc::message_superseded: return "the message gave way to a newer one";
        case errc::delivery_expired: return "the message's id is too old for the receiver";
        case errc::delivery_forgotten: return "the receiver has forgotten the sender";
        case errc::server_not_started: return "server not started";
        case errc::server_already_running: return "server already running";
        case errc::bind_failed: return "bind failed";
        case errc::server_full: return "server full";
        case errc::rate_limited: return "rate limited";
    }
    return "unknown network_system error";
}

class network_category final : public std::error_category {
public:
    const char* name() const noexcept override { return "network_system"; }

    std::string message(int value) const override { return describe(static_cast<errc>(value)); }

    std::error_condition default_error_condition(int value) const noexcept override {
        switch (static_cast<errc>(value)) {
            case errc::invalid_argument: return std::errc::invalid_argument;
            case errc::already_exists: return std::errc::already_connected;
            case errc::not_supported: return std::errc::operation_not_supported;
            case errc::would_block: return std::errc::operation_would_block;
            case errc::cancelled: return std::errc::operation_canceled;
            case errc::out_of_memory: return std::errc::not_enough_memory;
            case errc::connection_refused: return std::errc::connection_refused;
            case errc::session_expired:
            case errc::connection_timeout: return std::errc::timed_out;
            case errc::connection_closed: return std::errc::not_connected;
            case errc::connection_truncated: return std::errc::connection_reset;
            case errc::protocol_error: return std::errc::protocol_error;
            case errc::message_too_large: return std::errc::message_size;
            case errc::send_buffer_full: return std::errc::no_buffer_space;
            case errc::server_not_started: return std::errc::not_connected;
            default: return {value, *this};
        }
    }
};

// Error codes may still be looked at while the process exits.
constinit const detail::lasting<network_category> only_category;

}  // namespace

const std::error_category& error_category() noexcept {
    return only_category.value;
}

}  // namespace network_system
