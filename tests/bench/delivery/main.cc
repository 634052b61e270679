// bench-delivery revocation|delivery: what delivery and revocation cost in a gateway that runs, over mTLS.
#include <iostream>

#include <CLI/CLI.hpp>

#include "absl/synchronization/mutex.h"
#include "tests/bench/delivery/revocation.h"
#include "tests/bench/delivery/site.h"
#include "tests/bench/delivery/throughput.h"

int main(int argc, char** argv) {
  using namespace postern::bench;  // NOLINT(google-build-using-namespace)
  SiteAddresses addresses;
  CLI::App app("Delivery and revocation in a running gateway", "bench-delivery");
  app.require_subcommand(1);
  const auto add_addresses = [&addresses](CLI::App* command) {
    command->add_option("--shop", addresses.shop);
    command->add_option("--partners", addresses.partners);
    command->add_option("--operators", addresses.operators);
    command->add_option("--pki", addresses.pki);
  };

  RevocationOptions revocation;
  bool count_partners = false;
  CLI::App* const revoke = app.add_subcommand("revocation", "How long TerminatePartner takes");
  add_addresses(revoke);
  revoke->add_option("--backlog", revocation.backlogs)->delimiter(',');
  revoke->add_option("--rows", revocation.rows, "records of one backlog's partners together, at most");
  revoke->add_option("--terminations", revocation.most, "of one backlog, at most");
  revoke->add_option("--handles", revocation.handles);
  revoke->add_option("--p99-ms", revocation.p99_ms);
  revoke->add_flag("--json", revocation.json);
  revoke->add_flag("--check", revocation.check);
  revoke->add_flag("--count-partners", count_partners, "prints how many partners such a run takes, and ends");

  ThroughputOptions throughput;
  CLI::App* const deliver = app.add_subcommand("delivery", "Records a second to partners' streams");
  add_addresses(deliver);
  deliver->add_option("--streams", throughput.streams)->delimiter(',');
  deliver->add_option("--records", throughput.records, "of one run");
  deliver->add_option("--rounds", throughput.rounds);
  deliver->add_option("--posternd-pid", throughput.posternd_pid)->required();
  deliver->add_option("--bare", throughput.bare, "address of bench-sink")->required();
  deliver->add_option("--bare-pid", throughput.bare_pid)->required();
  deliver->add_flag("--json", throughput.json);
  deliver->add_flag("--check", throughput.check);
  CLI11_PARSE(app, argc, argv);
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);  // as in posternd

  if (count_partners) {
    std::cout << PartnersNeeded(revocation) << std::endl;
    return 0;
  }
  Site site(addresses);
  return revoke->parsed() ? RunRevocation(site, revocation) : RunThroughput(site, throughput);
}
