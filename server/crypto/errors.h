// Errors of server/crypto. Paths of key files and key ids are public; key material never is.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace postern::crypto {
class KeyId;
}

namespace postern::crypto::errors {

// OpenSSL refused an operation that cannot fail for valid input. INTERNAL.
absl::Status CryptoFailed(absl::string_view operation);
// A ciphertext, header, context or key does not fit together. DATA_LOSS; deliberately silent about which.
absl::Status CiphertextRejected();
// Stored bytes are not what this version writes. DATA_LOSS.
absl::Status StoredBytesMalformed(absl::string_view what);
// No trusted key signed this. PERMISSION_DENIED; the caller adds the reason that fits what was signed.
absl::Status SignatureRejected();
// An argument is not of the documented form. INVALID_ARGUMENT.
absl::Status Malformed(absl::string_view what);

// FAILED_PRECONDITION: others may access the file; `mode` are its permission bits.
absl::Status KeyFileExposed(absl::string_view path, unsigned mode);
// FAILED_PRECONDITION: the key file is a symbolic link.
absl::Status KeyFileLinked(absl::string_view path);
absl::Status KeyFileMissing(absl::string_view path);
absl::Status KeyFileExists(absl::string_view path);
// A file operation failed; `error_number` is errno. LEDGER_UNAVAILABLE.
absl::Status KeyFileUnusable(absl::string_view path, absl::string_view operation, int error_number);

absl::Status KeyShredded(const KeyId& id);
absl::Status KeyNotFound(const KeyId& id);
// FAILED_PRECONDITION: the root keyset is not the one that the store was made with, or lacks a version that it still
// needs.
absl::Status RootKeysetMismatch(absl::string_view path, unsigned version);
// FAILED_PRECONDITION: the newest version of a root keyset cannot be removed.
absl::Status RootVersionInUse(absl::string_view path, unsigned version);
// FAILED_PRECONDITION: another process has the key store open.
absl::Status KeyStoreInUse(absl::string_view path);
// FAILED_PRECONDITION: the file is not a key store, or one of a later version.
absl::Status KeyStoreLayoutUnknown(absl::string_view path);
// FAILED_PRECONDITION: the keys in it are not those of the ledger that it was opened for.
absl::Status KeyStoreOfAnotherLedger(absl::string_view path);
// FAILED_PRECONDITION: the file is not a tombstone log, or one of a later version.
absl::Status TombstoneLogUnknown(absl::string_view path);
// FAILED_PRECONDITION: keys were made, and the log of what was shredded is gone.
absl::Status TombstoneLogMissing(absl::string_view path);
// Key store and tombstone log do not tell one history. DATA_LOSS.
absl::Status TombstonesDiverge(absl::string_view path, unsigned long long sequence);
// The log lacks the entry that it ended with once: with it something would come back to life. DATA_LOSS.
absl::Status TombstoneLogCut(unsigned long long sequence);
// SQLite failed; `code` is its extended result code. LEDGER_UNAVAILABLE.
absl::Status KeyStoreUnavailable(absl::string_view operation, int code);
// FAILED_PRECONDITION: living keys are wrapped by this KEK generation, or it is the newest.
absl::Status GenerationInUse(unsigned generation);

}  // namespace postern::crypto::errors
