// Ends a TCP connection whose descriptor belongs to another library.
#pragma once

#include <sys/types.h>

namespace postern::delivery {

// Tells a socket from the next one that gets its number; 0 if `fd` is none.
ino_t SocketInode(int fd);

// Sends RST and drops what is queued, if `fd` still is the socket that had `inode`; false otherwise. The descriptor
// stays its owner's.
bool ResetSocket(int fd, ino_t inode);

}  // namespace postern::delivery
