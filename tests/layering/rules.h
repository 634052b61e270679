// The arrows of the house: each folder includes and links only leftward.
//
//   proto <- policy <- server/base, server/crypto, server/storage
//         <- server/{registry identity disclosure delivery revocation audit rights retention supervision statistics} <-
//         server/rpc <- server/gateway <- server/main.cc
//   proto, policy <- client/*          (client never uses server)
#pragma once

#include <string>
#include <vector>

#include "tests/layering/source_tree.h"

namespace postern::layering {

// Every broken arrow as "path:line: what is wrong", in path order. Empty: the house stands.
std::vector<std::string> CheckArrows(const std::vector<SourceFile>& files);

// Folders of the same rank may use each other, but never in a circle. Every circle as "server/a -> server/b ->
// server/a".
std::vector<std::string> CheckCircles(const std::vector<SourceFile>& files);

// The verifier shares no code with the projector: of policy/ its files include each other and what both are told. Every
// other include of them.
std::vector<std::string> CheckVerifierStandsAlone(const std::vector<SourceFile>& files);

// Files that outgrew one screenful of concepts: 400 lines, 800 for tests.
std::vector<std::string> CheckSizes(const std::vector<SourceFile>& files);

}  // namespace postern::layering
