#include "server/storage/postgres/group_rows.h"

#include "proto/errors/error.h"
#include "server/storage/sql/indexed_names.h"
#include "server/storage/sql/packing.h"

namespace postern::storage {

void GroupRows::Add(const NewDisclosure& entry, int64_t seq, uint64_t leaf_index) {
  requests_.id.Add(View(entry.request_id));
  requests_.principal.Add(View(entry.principal));
  requests_.target.Add(View(entry.target));
  requests_.digest.Add(View(entry.content_digest));
  requests_.seq.Add(seq);

  disclosures_.seq.Add(seq);
  disclosures_.id.Add(View(entry.id));
  disclosures_.partner.Add(entry.partner);
  disclosures_.grant.Add(entry.grant);
  disclosures_.lane.Add(int64_t{entry.lane});
  disclosures_.exchange.Add(int64_t{entry.exchange ? 1 : 0});
  disclosures_.time.Add(PackTime(entry.time));
  disclosures_.record_key.Add(View(entry.record_key));
  if (entry.has_record_version) {
    disclosures_.record_version.Add(static_cast<int64_t>(entry.record_version));
  } else {
    disclosures_.record_version.AddNull();
  }
  disclosures_.subjects.Add(PackMacs(entry.subjects));
  disclosures_.key_ids.Add(PackUuids(entry.key_ids));
  disclosures_.order.Add(View(entry.order));
  disclosures_.handle.Add(View(entry.handle));
  disclosures_.withheld.Add(PackWords(entry.withheld_bits));
  disclosures_.sealed_salt.Add(absl::string_view(entry.sealed_salt));
  disclosures_.leaf_index.Add(static_cast<int64_t>(leaf_index));
  disclosures_.request_id.Add(View(entry.request_id));
  AddSubjects(entry, seq);

  if (entry.exchange) {
    exchange_keys_.Add(QueueKey(entry.partner, seq));
  } else {
    pending_keys_.Add(QueueKey(entry.partner, seq));
    payloads_.Add(absl::string_view(entry.sealed_payload));
  }
  leaf_indexes_.Add(static_cast<int64_t>(leaf_index));
  leaves_.Add(absl::string_view(entry.audit_leaf));
}

void GroupRows::AddSubjects(const NewDisclosure& entry, int64_t seq) {
  for (const Mac16& name : IndexedNames(entry.subjects, entry.order)) {
    subjects_.Add(View(name));
    subject_seqs_.Add(seq);
  }
}

void GroupRows::AddNode(const crypto::MerkleNode& node) {
  node_levels_.Add(int64_t{node.level});
  node_indexes_.Add(static_cast<int64_t>(node.index));
  node_hashes_.Add(View(node.hash));
}

absl::Status GroupRows::Insert(PostgresConnection& db) {
  if (requests_.seq.size() == 0) return absl::OkStatus();
  Requests& r = requests_;
  POSTERN_RETURN_IF_ERROR(ArrayQuery(db,
                                     "INSERT INTO request(request_id, principal, target, content_digest, seq) "
                                     "SELECT * FROM unnest($1, $2, $3, $4, $5)")
                              .Bind(r.id)
                              .Bind(r.principal)
                              .Bind(r.target)
                              .Bind(r.digest)
                              .Bind(r.seq)
                              .Run());
  Disclosures& d = disclosures_;
  ArrayQuery disclosures(
      db,
      "INSERT INTO disclosure(seq, id, partner, grant_id, lane, exchange, time, record_key, record_version, subjects, "
      "key_ids, order_mac, handle, withheld, sealed_salt, leaf_index, request_id) "
      "SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)");
  for (ArrayParameter* column :
       {&d.seq, &d.id, &d.partner, &d.grant, &d.lane, &d.exchange, &d.time, &d.record_key, &d.record_version,
        &d.subjects, &d.key_ids, &d.order, &d.handle, &d.withheld, &d.sealed_salt, &d.leaf_index, &d.request_id}) {
    disclosures.Bind(*column);
  }
  POSTERN_RETURN_IF_ERROR(disclosures.Run());
  POSTERN_RETURN_IF_ERROR(ArrayQuery(db, "INSERT INTO disclosure_subject(subject, seq) SELECT * FROM unnest($1, $2)")
                              .Bind(subjects_)
                              .Bind(subject_seqs_)
                              .Run());
  if (pending_keys_.size() > 0) {
    POSTERN_RETURN_IF_ERROR(
        ArrayQuery(db, "INSERT INTO pending(queue_key, sealed_payload) SELECT * FROM unnest($1, $2)")
            .Bind(pending_keys_)
            .Bind(payloads_)
            .Run());
  }
  if (exchange_keys_.size() > 0) {
    POSTERN_RETURN_IF_ERROR(
        ArrayQuery(db, "INSERT INTO open_exchange(queue_key) SELECT * FROM unnest($1)").Bind(exchange_keys_).Run());
  }
  POSTERN_RETURN_IF_ERROR(ArrayQuery(db, "INSERT INTO audit_leaf(leaf_index, leaf) SELECT * FROM unnest($1, $2)")
                              .Bind(leaf_indexes_)
                              .Bind(leaves_)
                              .Run());
  if (node_levels_.size() == 0) return absl::OkStatus();
  return ArrayQuery(db, "INSERT INTO tree_node(level, node_index, hash) SELECT * FROM unnest($1, $2, $3)")
      .Bind(node_levels_)
      .Bind(node_indexes_)
      .Bind(node_hashes_)
      .Run();
}

}  // namespace postern::storage
