#pragma once

#include <network_system/resilience/resilient_client.h>
