CREATE TABLE audit_leaf(leaf_index INTEGER PRIMARY KEY, leaf BLOB NOT NULL) STRICT;
CREATE TABLE backlog_end(
  partner INTEGER NOT NULL, upto INTEGER NOT NULL, mark INTEGER NOT NULL, reason TEXT NOT NULL, time INTEGER NOT NULL,
  swept INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(partner, upto)) STRICT, WITHOUT ROWID;
CREATE TABLE bundle(
  digest TEXT PRIMARY KEY, resource BLOB NOT NULL, etag TEXT NOT NULL, in_force INTEGER NOT NULL, applied_by TEXT NOT NULL) STRICT;
CREATE TABLE campaign(
  row INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, partner INTEGER NOT NULL, resource BLOB NOT NULL, enumerate_to INTEGER NOT NULL,
  enumerated INTEGER NOT NULL) STRICT;
CREATE TABLE dead_letter(
  queue_key INTEGER PRIMARY KEY, reason TEXT NOT NULL, time INTEGER NOT NULL, sealed_payload BLOB NOT NULL) STRICT;
CREATE TABLE disclosure(
  seq INTEGER PRIMARY KEY, id BLOB NOT NULL, partner INTEGER NOT NULL, grant_id INTEGER NOT NULL, lane INTEGER NOT NULL,
  exchange INTEGER NOT NULL, time INTEGER NOT NULL, record_key BLOB NOT NULL, record_version INTEGER, subjects BLOB NOT NULL,
  key_ids BLOB NOT NULL, order_mac BLOB NOT NULL, handle BLOB NOT NULL, withheld BLOB NOT NULL, sealed_salt BLOB NOT NULL,
  leaf_index INTEGER NOT NULL, request_id BLOB NOT NULL, replay_of INTEGER) STRICT;
CREATE TABLE fence(kind INTEGER NOT NULL, id BLOB NOT NULL, version INTEGER NOT NULL, PRIMARY KEY(kind, id)) STRICT, WITHOUT ROWID;
CREATE TABLE grant_ref(
  id INTEGER PRIMARY KEY, partner INTEGER NOT NULL, purpose TEXT NOT NULL, record_type TEXT NOT NULL, contract_revision TEXT NOT NULL,
  policy_version TEXT NOT NULL, locator_path TEXT NOT NULL, bundle_digest TEXT NOT NULL, scope INTEGER NOT NULL,
  UNIQUE(partner, purpose, record_type, contract_revision, policy_version, locator_path, bundle_digest)) STRICT;
CREATE TABLE handle_outcome(
  notice TEXT NOT NULL, handle BLOB NOT NULL, result INTEGER NOT NULL, ground TEXT NOT NULL, until INTEGER,
  PRIMARY KEY(notice, handle)) STRICT, WITHOUT ROWID;
CREATE TABLE investigation(
  row INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, principal BLOB NOT NULL, request_id BLOB NOT NULL, rank INTEGER NOT NULL,
  due INTEGER NOT NULL, resource BLOB NOT NULL, UNIQUE(request_id, principal)) STRICT;
CREATE TABLE meta(key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE notice(
  row INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, partner INTEGER NOT NULL, campaign TEXT NOT NULL, number INTEGER NOT NULL,
  open INTEGER NOT NULL, resource BLOB NOT NULL) STRICT;
CREATE TABLE open_exchange(queue_key INTEGER PRIMARY KEY) STRICT;
CREATE TABLE order_event(
  order_mac BLOB NOT NULL, event INTEGER NOT NULL, time INTEGER NOT NULL, PRIMARY KEY(order_mac, event)) STRICT, WITHOUT ROWID;
CREATE TABLE outcome(
  last INTEGER PRIMARY KEY, partner INTEGER NOT NULL, state INTEGER NOT NULL, reason TEXT NOT NULL, time INTEGER NOT NULL, seqs BLOB,
  above INTEGER, upto INTEGER, result_type TEXT, sealed_result BLOB) STRICT;
CREATE TABLE partner(
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, etag TEXT NOT NULL, resource BLOB NOT NULL, epoch_key BLOB NOT NULL,
  pseudonym_key BLOB NOT NULL, handle_key BLOB NOT NULL) STRICT;
CREATE TABLE pending(queue_key INTEGER PRIMARY KEY, sealed_payload BLOB NOT NULL) STRICT;
CREATE TABLE queue(
  partner INTEGER PRIMARY KEY, watermark INTEGER NOT NULL DEFAULT 0, dispatch_mark INTEGER NOT NULL DEFAULT 0,
  total INTEGER NOT NULL DEFAULT 0, delivered INTEGER NOT NULL DEFAULT 0, unsettled INTEGER NOT NULL DEFAULT 0,
  open_exchanges INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE record_version_chunks(
  run INTEGER NOT NULL, first BLOB NOT NULL, entries BLOB NOT NULL, PRIMARY KEY(run, first)) STRICT, WITHOUT ROWID;
CREATE TABLE record_version_free(
  scope INTEGER NOT NULL, record_key BLOB NOT NULL, version INTEGER NOT NULL, PRIMARY KEY(scope, record_key)) STRICT, WITHOUT ROWID;
CREATE TABLE record_version_runs(run INTEGER PRIMARY KEY, names INTEGER NOT NULL, filter BLOB NOT NULL) STRICT;
CREATE TABLE record_version_through(one INTEGER PRIMARY KEY CHECK(one = 1), seq INTEGER NOT NULL) STRICT;
CREATE TABLE request(
  request_id BLOB NOT NULL, principal BLOB NOT NULL, target BLOB NOT NULL, content_digest BLOB NOT NULL, seq INTEGER NOT NULL,
  PRIMARY KEY(request_id, principal, target)) STRICT, WITHOUT ROWID;
CREATE TABLE retention_order(
  order_mac BLOB PRIMARY KEY, due INTEGER NOT NULL, ends INTEGER NOT NULL, closed INTEGER NOT NULL, progress BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE revision(row INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, partner INTEGER NOT NULL, resource BLOB NOT NULL) STRICT;
CREATE TABLE settled_above(queue_key INTEGER PRIMARY KEY) STRICT;
CREATE TABLE settlement(
  seq INTEGER PRIMARY KEY, state INTEGER NOT NULL, reason TEXT NOT NULL, time INTEGER NOT NULL, handed INTEGER NOT NULL,
  replayed_as INTEGER) STRICT;
CREATE TABLE statistics_cell(
  period TEXT NOT NULL, category TEXT NOT NULL, purpose TEXT NOT NULL, partner_kind TEXT NOT NULL, region TEXT NOT NULL, tally BLOB NOT NULL,
  PRIMARY KEY(period, category, purpose, partner_kind, region)) STRICT, WITHOUT ROWID;
CREATE TABLE statistics_period(period TEXT PRIMARY KEY, salt BLOB NOT NULL, closed INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE statistics_uncounted(seq INTEGER PRIMARY KEY, entries BLOB NOT NULL) STRICT;
CREATE TABLE subject_record(
  row INTEGER PRIMARY KEY, subject BLOB NOT NULL, kind INTEGER NOT NULL, key TEXT NOT NULL, resource BLOB NOT NULL,
  work INTEGER NOT NULL, UNIQUE(subject, kind, key)) STRICT;
CREATE TABLE subject_request(
  row INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, principal BLOB NOT NULL, request_id BLOB NOT NULL, ended INTEGER NOT NULL,
  due INTEGER NOT NULL, resource BLOB NOT NULL, UNIQUE(request_id, principal)) STRICT;
CREATE TABLE submitted_result(
  seq INTEGER NOT NULL, request_id BLOB NOT NULL, content_digest BLOB NOT NULL, PRIMARY KEY(seq, request_id)) STRICT, WITHOUT ROWID;
CREATE TABLE supervision_finding(row INTEGER PRIMARY KEY, partner TEXT NOT NULL, resource BLOB NOT NULL) STRICT;
CREATE TABLE supervision_seen(
  partner INTEGER NOT NULL, kind INTEGER NOT NULL, digest BLOB NOT NULL, PRIMARY KEY(partner, kind, digest)) STRICT, WITHOUT ROWID;
CREATE TABLE tree_head(
  one INTEGER PRIMARY KEY CHECK(one = 1), size INTEGER NOT NULL, root BLOB NOT NULL, frontier BLOB NOT NULL) STRICT;
CREATE TABLE tree_node(
  level INTEGER NOT NULL, node_index INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY(level, node_index)) STRICT, WITHOUT ROWID;
CREATE INDEX campaign_by_partner ON campaign(partner);
CREATE UNIQUE INDEX disclosure_by_id ON disclosure(id) WHERE replay_of IS NULL;
CREATE INDEX disclosure_by_partner ON disclosure(partner);
CREATE INDEX disclosure_replayed ON disclosure(partner) WHERE replay_of IS NOT NULL;
CREATE INDEX investigation_by_urgency ON investigation(rank, due, row);
CREATE INDEX notice_by_partner ON notice(partner);
CREATE INDEX retention_order_by_due ON retention_order(due) WHERE closed = 0;
CREATE INDEX revision_by_partner ON revision(partner);
CREATE INDEX subject_request_by_urgency ON subject_request(ended, due, row);
CREATE INDEX supervision_finding_by_partner ON supervision_finding(partner);
-- user_version 4;
