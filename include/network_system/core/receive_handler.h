#pragma once

// The forms of receive callbacks are those of all callbacks.
#include <network_system/core/callback_forms.h>
