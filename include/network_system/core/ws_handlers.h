#pragma once

// The forms of text callbacks are those of all callbacks.
#include <network_system/core/callback_forms.h>
