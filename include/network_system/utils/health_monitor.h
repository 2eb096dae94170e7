#pragma once

// Where it is looked for, too.
#include <network_system/resilience/health_monitor.h>
