// Reads what the parts count and sets the gauges, just before a scrape.
#pragma once

#include "absl/time/time.h"
#include "server/gateway/certificate_reloader.h"
#include "server/gateway/config.h"
#include "server/gateway/core.h"
#include "server/gateway/front.h"
#include "server/gateway/metrics.h"

namespace postern::gateway {

// Blocks on the store for a few counts. What cannot be read keeps its last value.
void SampleMetrics(const config::Config& config, Core& core, const Front& front, const CertificateReloader& reloader,
                   bool serving, absl::Time now, Metrics* metrics);

}  // namespace postern::gateway
