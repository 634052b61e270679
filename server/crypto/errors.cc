#include "server/crypto/errors.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "proto/errors/error.h"
#include "server/crypto/key_id.h"

namespace postern::crypto::errors {

absl::Status CryptoFailed(absl::string_view operation) {
  return absl::InternalError(absl::StrCat("cryptographic operation failed: ", operation));
}

absl::Status CiphertextRejected() {
  return absl::DataLossError("ciphertext, key and context do not fit together");
}

absl::Status StoredBytesMalformed(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("stored bytes are malformed: ", what));
}

absl::Status SignatureRejected() {
  return absl::PermissionDeniedError("no trusted key made a valid signature");
}

absl::Status Malformed(absl::string_view what) {
  return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, what);
}

absl::Status KeyFileExposed(absl::string_view path, unsigned mode) {
  return absl::FailedPreconditionError(absl::StrFormat(
      "key file %s has mode %04o or another owner; only the process's own user may have access (chmod 600)", path,
      mode));
}

absl::Status KeyFileLinked(absl::string_view path) {
  return absl::FailedPreconditionError(
      absl::StrCat("key file ", path, " is a symbolic link; a key that is removed must leave the file itself"));
}

absl::Status KeyFileMissing(absl::string_view path) {
  return MakeError(v1::ERROR_REASON_NOT_FOUND, absl::StrCat("key file ", path, " does not exist"), {{"path", path}});
}

absl::Status KeyFileExists(absl::string_view path) {
  return MakeError(v1::ERROR_REASON_ALREADY_EXISTS,
                   absl::StrCat("key file ", path, " exists already; it is never overwritten"), {{"path", path}});
}

absl::Status KeyFileUnusable(absl::string_view path, absl::string_view operation, int error_number) {
  return MakeError(v1::ERROR_REASON_LEDGER_UNAVAILABLE,
                   absl::StrCat("key file ", path, ": ", operation, " failed with errno ", error_number),
                   {{"path", path}});
}

absl::Status KeyShredded(const KeyId& id) {
  return MakeError(v1::ERROR_REASON_KEY_SHREDDED, "the key was destroyed", {{"key_id", id.ToHex()}});
}

absl::Status KeyNotFound(const KeyId& id) {
  return MakeError(v1::ERROR_REASON_NOT_FOUND, "no such key", {{"key_id", id.ToHex()}});
}

absl::Status RootKeysetMismatch(absl::string_view path, unsigned version) {
  return absl::FailedPreconditionError(
      absl::StrCat("root keyset ", path, " does not unwrap what its version ", version, " should have wrapped"));
}

absl::Status RootVersionInUse(absl::string_view path, unsigned version) {
  return absl::FailedPreconditionError(
      absl::StrCat("version ", version, " is the newest of root keyset ", path, "; add another before removing it"));
}

absl::Status KeyStoreInUse(absl::string_view path) {
  return absl::FailedPreconditionError(absl::StrCat("key store ", path, " is in use by another process"));
}

absl::Status KeyStoreLayoutUnknown(absl::string_view path) {
  return absl::FailedPreconditionError(absl::StrCat(path, " is not a key store that this version can read"));
}

absl::Status KeyStoreOfAnotherLedger(absl::string_view path) {
  return absl::FailedPreconditionError(absl::StrCat(path, " is the key store of another ledger"));
}

absl::Status TombstoneLogUnknown(absl::string_view path) {
  return absl::FailedPreconditionError(absl::StrCat(path, " is not a tombstone log that this version can read"));
}

absl::Status TombstoneLogMissing(absl::string_view path) {
  return absl::FailedPreconditionError(absl::StrCat(
      "the tombstone log ", path,
      " is missing: restore it. If it is lost and the key store was not restored from a backup, make an empty "
      "file in its place (mode 0600): it is then written anew from the key store"));
}

absl::Status TombstonesDiverge(absl::string_view path, unsigned long long sequence) {
  return absl::DataLossError(absl::StrCat("tombstone ", sequence, " of ", path,
                                          " is damaged or is not the key store's: one of both is not of this history"));
}

absl::Status TombstoneLogCut(unsigned long long sequence) {
  return absl::DataLossError(
      absl::StrCat("the tombstone log has lost tombstone ", sequence,
                   " or has another one: it was cut, or is an older copy; put the newest one in place"));
}

absl::Status KeyStoreUnavailable(absl::string_view operation, int code) {
  return MakeError(v1::ERROR_REASON_LEDGER_UNAVAILABLE,
                   absl::StrCat("store: ", operation, " failed with SQLite code ", code));
}

absl::Status GenerationInUse(unsigned generation) {
  return absl::FailedPreconditionError(
      absl::StrCat("KEK generation ", generation, " is the newest, or living keys are still wrapped by it"));
}

}  // namespace postern::crypto::errors
