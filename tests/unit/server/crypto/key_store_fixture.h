// A key store in a temporary directory.
#pragma once

#include <memory>
#include <string>

#include "server/crypto/key_store.h"
#include "server/crypto/root_keyset.h"
#include "server/crypto/sha256.h"
#include "tests/unit/server/crypto/crypto_test_util.h"

namespace postern::crypto {

class KeyStoreFixture : public ::testing::Test {
 protected:
  KeyStoreFixture() {
    options_.path = directory_.File("keys.db");
    options_.root_keyset_path = directory_.File("root.keyset");
    options_.minors_root_keyset_path = directory_.File("minors.keyset");
    options_.create_if_missing = true;
    EXPECT_TRUE(RootKeyset::CreateFile(options_.root_keyset_path).ok());
    EXPECT_TRUE(RootKeyset::CreateFile(options_.minors_root_keyset_path).ok());
  }

  // Closes the store if it is open and opens it again.
  void Reopen() {
    store_.reset();
    absl::StatusOr<std::unique_ptr<KeyStore>> opened = KeyStore::Open(options_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
  }

  static KeyRequest Ask(absl::string_view name, KeyKind kind = KeyKind::kSubject,
                        KeyRealm realm = KeyRealm::kStandard) {
    return {kind, realm, Sha256(name)};
  }

  absl::StatusOr<KeyHandle> Ensure(KeyRequest request) {
    const absl::Status status = store_->EnsureKeys(absl::MakeSpan(&request, 1));
    if (!status.ok()) return status;
    return request.result;
  }

  TempDirectory directory_;
  KeyStoreOptions options_;
  std::unique_ptr<KeyStore> store_;
  const absl::Time now_ = absl::FromUnixSeconds(1767225600);
};

}  // namespace postern::crypto
