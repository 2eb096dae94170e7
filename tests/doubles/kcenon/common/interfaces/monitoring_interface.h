// A stand-in for common_system's header of this name: what its interface says, and no more.
#pragma once

#include <kcenon/common/patterns/result.h>

#include <string>
#include <unordered_map>
#include <vector>

namespace kcenon::common::interfaces {

struct metric_value {
    std::string name;
    double value = 0;
};

struct metrics_snapshot {
    std::vector<metric_value> metrics;
    std::string source_id;

    void add_metric(const std::string& name, double value) { metrics.push_back({name, value}); }
};

enum class health_status { healthy, degraded, unhealthy, unknown };

struct health_check_result {
    health_status status = health_status::unknown;
    std::string message;
};

class IMonitor {
public:
    virtual ~IMonitor() = default;
    virtual VoidResult record_metric(const std::string& name, double value) = 0;
    virtual VoidResult record_metric(const std::string& name, double value,
                                     const std::unordered_map<std::string, std::string>& tags) = 0;
    virtual Result<metrics_snapshot> get_metrics() = 0;
    virtual Result<health_check_result> check_health() = 0;
    virtual VoidResult reset() = 0;
};

class IMonitorable {
public:
    virtual ~IMonitorable() = default;
    virtual Result<metrics_snapshot> get_monitoring_data() = 0;
    virtual Result<health_check_result> health_check() = 0;
    virtual std::string get_component_name() const = 0;
};

}  // namespace kcenon::common::interfaces
