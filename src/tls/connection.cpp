#include "tls/connection.h"

#include "tls/calls.h"
#include "tls/ptr.h"
#include "utils/host.h"
#include "utils/memory_return.h"
#include "utils/process.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace network_system::inline v0_1::transport {

using runtime::io_slice;
using runtime::sockets::io_result;
using runtime::sockets::outcome;

namespace {

// Of OpenSSL during a handshake; some 15 KiB are left after it.
constexpr std::size_t assumed_size = std::size_t{32} * 1024;

// A connection that reads as often within `idle_after` is busy.
constexpr unsigned busy_from = 16;
constexpr std::chrono::milliseconds idle_after{1000};

/// OpenSSL keeps them as long as the connection. Whoever reads this memory later should not be able
/// to decrypt what was recorded before; and idle connections are 432 bytes smaller.
void forget_ephemeral_keys(SSL* ssl) {
    EVP_PKEY* own = nullptr;
    EVP_PKEY* of_peer = nullptr;
    (void)SSL_get_tmp_key(ssl, &own);
    (void)SSL_get_peer_tmp_key(ssl, &of_peer);
    for (EVP_PKEY* const each : {own, of_peer}) {
        if (each != nullptr) {
            (void)EVP_PKEY_set_type(each, EVP_PKEY_get_id(each));  // drops what it holds
            EVP_PKEY_free(each);
        }
    }
    ERR_clear_error();  // of types that only providers know
}

}  // namespace

/// OpenSSL's way to the stream below.
class tls_connection::bio {
public:
    [[nodiscard]] static tls_connection* owner_of(BIO* which) noexcept {
        return static_cast<tls_connection*>(BIO_get_data(which));
    }
    [[nodiscard]] static BIO* make(tls_connection& owner) {
        BIO* const made = BIO_new(method());
        if (made != nullptr) {
            BIO_set_data(made, &owner);
            BIO_set_init(made, 1);
        }
        return made;
    }

private:
    struct method_of_streams {
        method_of_streams() {
            if (!made) {
                throw std::bad_alloc();
            }
            BIO_meth_set_read_ex(made.get(), &bio::read);
            BIO_meth_set_write_ex(made.get(), &bio::write);
            BIO_meth_set_ctrl(made.get(), &bio::control);
        }
        const core::openssl_ptr<BIO_METHOD, BIO_meth_free> made{
            BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "network_system stream")};
    };
    static BIO_METHOD* method() { return detail::made_once<method_of_streams>::get().made.get(); }

    static int read(BIO* which, char* into, std::size_t size, std::size_t* got) {
        BIO_clear_retry_flags(which);
        auto& window = owner_of(which)->window_;
        if (window.empty()) {
            BIO_set_retry_read(which);
            return 0;
        }
        *got = std::min(size, window.size());
        std::memcpy(into, window.data(), *got);
        window = window.subspan(*got);
        return 1;
    }

    static int write(BIO* which, const char* from, std::size_t size, std::size_t* written) {
        BIO_clear_retry_flags(which);
        tls_connection& owner = *owner_of(which);
        try {
            owner.output_.add({reinterpret_cast<const std::uint8_t*>(from), size});
        } catch (const std::bad_alloc&) {
            owner.is_out_of_memory_ = true;
            return 0;
        }
        *written = size;
        return 1;
    }

    static long control(BIO*, int command, long, void*) {
        return command == BIO_CTRL_FLUSH ? 1 : 0;
    }
};

void tls_connection::deleter::operator()(ssl_st* ssl) const noexcept {
    SSL_free(ssl);
}

void tls_connection::deleter::operator()(x509_st* certificate) const noexcept {
    X509_free(certificate);
}

tls_connection::tls_connection(std::shared_ptr<const tls_settings> settings)
    : settings_(std::move(settings)), ssl_(SSL_new(settings_->context.get())),
      needs_input_(settings_->role == connection_role::server) {
    BIO* const below = ssl_ ? bio::make(*this) : nullptr;
    detail::record_taken(assumed_size);
    if (below != nullptr) {
        SSL_set_bio(ssl_.get(), below, below);
    }
    if (below == nullptr || (settings_->role == connection_role::client && !set_up_client())) {
        (void)fail(
            {errc::internal_error, take_tls_failure(settings_->role, error_in_queue::last).text});
    } else if (settings_->role == connection_role::server) {
        SSL_set_accept_state(ssl_.get());
    }
}

tls_connection::~tls_connection() {
    detail::record_freed(assumed_size);
}

bool tls_connection::set_up_client() {
    SSL* const ssl = ssl_.get();
    SSL_set_connect_state(ssl);
    const std::string& name = settings_->server_name;
    const auto parsed = detail::host::parse(name);
    const bool is_numeric = parsed && !parsed.value().is_name();
    if (!name.empty() && !is_numeric && SSL_set_tlsext_host_name(ssl, name.c_str()) != 1) {
        return false;
    }
    if (settings_->verifies_name) {
        X509_VERIFY_PARAM* const checks = SSL_get0_param(ssl);
        X509_VERIFY_PARAM_set_hostflags(checks, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                                    X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
        const int was_set = is_numeric
                                ? X509_VERIFY_PARAM_set1_ip_asc(checks, name.c_str())
                                : X509_VERIFY_PARAM_set1_host(checks, name.data(), name.size());
        if (name.empty() || was_set != 1) {
            return false;
        }
    }
    return true;
}

void tls_connection::begin(const lower_stream& below, runtime::loop& where) {
    below_ = below;
    loop_ = &where;
    if (!settings_->sessions || failure_) {
        return;
    }
    if (const tls_session earlier =
            settings_->sessions->take(settings_->session_key, wall_clock())) {
        (void)SSL_set_session(ssl_.get(), earlier.get());  // without it: a full handshake
    }
}

tls_connection* tls_connection::of(const ssl_st* ssl) noexcept {
    return bio::owner_of(SSL_get_rbio(ssl));
}

io_result tls_connection::advance(bool more_follows) {
    const bool is_done = is_ready() && (more_follows || output_.empty());
    io_result result = is_done ? io_result{outcome::done, 0, {}} : go_on();
    result.bytes = output_.take_completed();
    return result;
}

io_result tls_connection::advance_below() {
    return is_established_ && !failure_ && output_.empty() ? io_result{outcome::done, 0, {}}
                                                           : go_on();
}

io_result tls_connection::go_on() {
    if (failure_) {
        return failed();
    }
    if (!is_established_ && !needs_input_) {
        const io_result shaken = shake_hands();
        const io_result sent = send_out();
        return sent.kind == outcome::done ? shaken : sent;
    }
    const io_result sent = send_out();
    return sent.kind != outcome::done || is_established_ ? sent : io_blocked();
}

io_result tls_connection::shake_hands() {
    clear_errors();
    // A step is several records: buffers for all of them together, not for each.
    SSL_clear_mode(ssl_.get(), SSL_MODE_RELEASE_BUFFERS);
    const int answer = SSL_do_handshake(ssl_.get());
    SSL_set_mode(ssl_.get(), SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_free_buffers(ssl_.get());
    if (answer == 1) {
        on_established();
        return {outcome::done, 0, {}};
    }
    if (SSL_get_error(ssl_.get(), answer) != SSL_ERROR_WANT_READ) {
        return fail_with_queue();
    }
    needs_input_ = true;
    return io_blocked();
}

/// Writes what OpenSSL has said. A failure of the stream below is no failure of TLS: what the peer
/// has said before it is still to be read, and may be an alert.
io_result tls_connection::send_out() {
    if (below_.is_layered) {
        output_.keep();
    }
    const io_result sent = output_.flush([this](std::span<const io_slice> slices) {
        const io_result taken = below_.write(below_.stream, slices);
        written_below_ += static_cast<std::uint32_t>(taken.bytes);
        return taken;
    });
    if (sent.kind == outcome::failed) {
        broken_below_ = sent.error;
    }
    return sent;
}

void tls_connection::on_established() {
    is_established_ = true;
    SSL* const ssl = ssl_.get();
    agreement_.protocol = SSL_get_version(ssl);
    agreement_.cipher = SSL_get_cipher_name(ssl);
    agreement_.is_resumed = SSL_session_reused(ssl) == 1;
    agreement_.peer.reset(SSL_get1_peer_certificate(ssl));
    record_extensions();
    forget_ephemeral_keys(ssl);
    settings_->counters->handshakes.add();
    settings_->counters->resumptions.add(agreement_.is_resumed ? 1 : 0);
    has_agreed_.store(true, std::memory_order_release);
}

void tls_connection::record_extensions() {
    SSL* const ssl = ssl_.get();
    agreement::extensions all;
    if (const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)) {
        all.server_name = name;
    }
    const unsigned char* chosen = nullptr;
    unsigned chosen_size = 0;
    SSL_get0_alpn_selected(ssl, &chosen, &chosen_size);
    all.application_protocol.assign(chosen, chosen + chosen_size);
    unsigned char* stapled = nullptr;
    if (const long size = SSL_get_tlsext_status_ocsp_resp(ssl, &stapled);
        settings_->role == connection_role::client && size > 0) {
        all.ocsp_response.assign(stapled, stapled + size);
    }
    if (!all.server_name.empty() || !all.application_protocol.empty() ||
        !all.ocsp_response.empty()) {
        agreement_.extended = std::make_unique<agreement::extensions>(std::move(all));
    }
}

/// OpenSSL's buffers come and go with each record, which keeps idle connections small. A busy one
/// keeps them, until it has been idle for a while.
void tls_connection::record_activity() {
    if (++reads_ == busy_from && !is_busy_) {
        is_busy_ = true;
        SSL_clear_mode(ssl_.get(), SSL_MODE_RELEASE_BUFFERS);
        loop_->deadlines().set(*this, runtime::after(loop_->now(), idle_after));
    }
}

void tls_connection::on_deadline(runtime::steady_time now) {
    if (std::exchange(reads_, 0) > 0) {
        loop_->deadlines().set(*this, runtime::after(now, idle_after));
        return;
    }
    is_busy_ = false;
    SSL_set_mode(ssl_.get(), SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_free_buffers(ssl_.get());  // not in the middle of a record
}

runtime::interest tls_connection::below(runtime::interest wanted) const noexcept {
    if (!is_established_) {
        return {true, output_.is_blocked()};
    }
    return {wanted.read, wanted.write || output_.is_blocked(), wanted.failure};
}

void tls_connection::record_timeout() {
    (void)fail({errc::connection_timeout,
                fmt::format("no complete handshake within handshake_timeout ({} ms){}",
                            handshake_timeout().count(), hint_at_silence()),
                &tls_counters::timeouts});
}

void tls_connection::record_broken() {
    if (!is_established_ && !failure_) {
        (void)fail_in_handshake(broken_below_);
    }
}

io_result tls_connection::fail_in_handshake(const std::error_code& error) {
    return fail({errc::tls_handshake_failed,
                 (error ? "the connection was lost during the handshake: " + error.message()
                        : "the peer closed the connection during the handshake") +
                     hint_at_silence(),
                 &tls_counters::disconnects});
}

const char* tls_connection::hint_at_silence() const noexcept {
    return reads_ > 0 ? ""
                      : ": nothing was received; check the port, and whether the peer speaks TLS "
                        "there";
}

void tls_connection::end() {
    runtime::deadline_wheel::cancel(*this);
    output_.drop();
    if (!is_established_ && !failure_) {
        settings_->counters->disconnects.add();
    }
}

io_result tls_connection::fail_with_queue() {
    tls_failure failure = take_tls_failure(
        settings_->role, is_established_ ? error_in_queue::last : error_in_queue::first);
    if (is_out_of_memory_) {
        failure.code = errc::out_of_memory;
        failure.text = "out of memory";
    } else if (refusal_) {
        failure.code = errc::certificate_verification_failed;
        failure.text = std::move(*refusal_);
        failure.cause = &tls_counters::verification_failures;
    } else if (is_established_ && has_received_ && failure.code == errc::tls_handshake_failed) {
        failure.code = errc::protocol_error;
    }
    return fail(std::move(failure));
}

io_result tls_connection::fail(tls_failure failure) {
    if (!is_established_) {
        (*settings_->counters.*failure.cause).add();
        if (settings_->sessions) {
            settings_->sessions->forget(settings_->session_key);
        }
    }
    failure_ = std::make_unique<tls_failure>(std::move(failure));
    return failed();
}

io_result tls_connection::failed() const {
    return {outcome::failed, 0, make_error_code(failure_->code)};
}

std::optional<tls_info> tls_connection::info() const {
    if (!has_agreed_.load(std::memory_order_acquire)) {
        return std::nullopt;
    }
    tls_info all;
    all.protocol = agreement_.protocol;
    all.cipher = agreement_.cipher;
    all.is_resumed = agreement_.is_resumed;
    if (agreement_.extended) {
        all.server_name = agreement_.extended->server_name;
        all.application_protocol = agreement_.extended->application_protocol;
        all.ocsp_response = agreement_.extended->ocsp_response;
    }
    if (agreement_.peer) {
        all.peer = describe_certificate(agreement_.peer.get());
    }
    return all;
}

}  // namespace network_system::transport
