// Which addresses the gateway may call of its own accord: an endpoint's host name says nothing about where it leads
// (server-side request forgery).
#pragma once

#include <sys/socket.h>

namespace postern::delivery {

// Whether the address is one of the public Internet: in none of the special-purpose blocks of the IANA registries
// (RFC 6890), in an IPv4 address that an IPv6 one holds likewise.
bool IsPublicAddress(const sockaddr& address);

// Whether an endpoint may be there: a public address, or with `allow_private` any that names one host: no multicast,
// broadcast or unspecified address.
bool MayCall(const sockaddr& address, bool allow_private);

}  // namespace postern::delivery
