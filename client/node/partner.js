// A partner in Node.js: receives records, stores them under their handle, acknowledges, and on notice deletes and attests.
import { createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';
import protobuf from 'protobufjs';

const options = ['address', 'cert', 'key', 'ca', 'partner', 'folder', 'attestation-key', 'notice-key', 'window', 'delay-ms', 'keep-file'];
const { values: args } = parseArgs({ options: Object.fromEntries(options.map(name => [name, { type: 'string' }])) });
const [cache, partner] = [join(args.folder, 'cache'), `partners/${args.partner}`];
const [root, keep] = [new protobuf.Root(), { keepCase: true }];
root.resolvePath = (_, file) => file.startsWith('google/protobuf/') ? null  // built in
  : join(new URL('.', import.meta.url).pathname, '../../proto', file.startsWith('google/') ? 'node_modules/google-proto-files' : '', file);
root.loadSync('postern/v1/partner_service.proto', keep);
const api = grpc.loadPackageDefinition(loader.fromJSON(root.toJSON(), { ...keep, longs: Number, defaults: true })).postern.v1;
const [Notice, Attestation] = ['DeletionNoticeStatement', 'DeletionAttestationStatement'].map(type => root.lookupType(`postern.v1.${type}`));
const stub = new api.PartnerService(args.address, grpc.credentials.createSsl(...['ca', 'key', 'cert'].map(name => readFileSync(args[name]))));
const call = (method, request) => new Promise((done, fail) => stub[method](request, (error, reply) => error ? fail(error) : done(reply)));
mkdirSync(cache, { recursive: true });
function store({ handle, disclosure, record }) {  // the cache is what a notice is about; the transcript is for whoever checks this partner
  writeFileSync(join(cache, `${handle.toString('hex')}-${disclosure.split('/').pop()}`), record.data);
  appendFileSync(join(args.folder, 'received.bin'), Buffer.concat([Buffer.from([24, 16, 8, 0].map(bits => record.data.length >> bits)), record.data]));
  appendFileSync(join(args.folder, 'received.tsv'), `${disclosure}\t${BigInt(Date.now()) * 1000000n}\t${record.type}\n`);
}
const preAuth = (type, payload) => Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.length} `), payload]);
const [noticeType, attestationType] = ['notice', 'attestation'].map(what => `application/vnd.postern.deletion-${what}.v1+protobuf`);
const sha256 = bytes => createHash('sha256').update(bytes).digest();
function open({ name, envelope: { payload_type, payload, signatures } }) {
  const signed = signatures.some(s => verify(null, preAuth(noticeType, payload), createPublicKey(readFileSync(args['notice-key'])), s.signature));
  const notice = signed && payload_type === noticeType ? Notice.decode(payload) : {};
  if (notice.notice !== name || notice.partner !== partner) throw new Error(`${name}: not signed by the gateway for this partner`);
  return notice;
}
const [DELETED, NOT_FOUND, EXEMPTED] = [1, 2, 3];
function erase({ handle }, before) {  // while the file is there, {"ground": ..., "until": ...} in it keeps what is stored
  const copies = readdirSync(cache).filter(file => file.startsWith(Buffer.from(handle).toString('hex')));
  if (copies.length && args['keep-file'] && existsSync(args['keep-file'])) {
    const { ground, until } = JSON.parse(readFileSync(args['keep-file'], 'utf8'));
    return { handle, result: EXEMPTED, ground, until: { seconds: Math.floor(Date.parse(until) / 1000) } };
  }
  copies.forEach(file => rmSync(join(cache, file)));
  return { handle, result: before === EXEMPTED || before === undefined && copies.length ? DELETED : before ?? NOT_FOUND };
}
async function attest({ name, envelope: { payload } }, outcomes, amends) {
  const statement = Attestation.encode({ notice: name, notice_digest: sha256(payload), partner, outcomes, amends,
    attest_time: { seconds: Math.floor(Date.now() / 1000), nanos: Date.now() % 1000 * 1000000 } }).finish();
  const signature = sign(null, preAuth(attestationType, statement), createPrivateKey(readFileSync(args['attestation-key'])));
  await call('AttestDeletion', { name, attestation: { payload_type: attestationType, payload: statement, signatures: [{ key_id: 'attestation-1', signature }] } });
}
async function answer(notice) {  // verify, delete by handle, attest every handle
  const { items } = open(notice);
  await call('AcknowledgeDeletionNotice', { name: notice.name });
  await attest(notice, items.map(item => erase(item)));
}
async function amend(notice) {  // what was kept and is not any more; true while something is
  const said = new Map(Attestation.decode(notice.attestation.payload).outcomes.map(o => [Buffer.from(o.handle).toString('hex'), o.result]));
  if (![...said.values()].includes(EXEMPTED)) return false;
  const outcomes = open(notice).items.map(item => erase(item, said.get(Buffer.from(item.handle).toString('hex'))));
  const kept = outcomes.some(({ result }) => result === EXEMPTED);
  if (!kept) await attest(notice, outcomes, sha256(notice.attestation.payload));
  return kept;
}
const again = ['UNAVAILABLE', 'CANCELLED', 'INTERNAL', 'RESOURCE_EXHAUSTED'].map(code => grpc.status[code]);  // reset connections, asked too often
async function answerNotices() {
  for (let pending = true; pending; await new Promise(wait => setTimeout(wait, 100))) {
    try {
      const page = await call('ListDeletionNotices', { open_only: true });
      for (const notice of page.notices) await answer(notice);
      pending = page.enumerating || page.notices.length > 0;
      if (args['keep-file']) for (const notice of (await call('ListDeletionNotices', {})).notices) pending = await amend(notice) || pending;
    } catch (error) { if (!again.includes(error.code)) throw error; }
  }
}
function receive() {
  const stream = stub.Receive();
  stream.on('data', ({ records }) => {
    records.forEach(store);
    const credits = { add_records: records.length, add_bytes: records.reduce((sum, { record }) => sum + record.data.length, 0) };
    const acknowledge = () => stream.write({ acknowledged: [{ first: records[0].delivery, last: records.at(-1).delivery }], ...credits });
    if (records.length) setTimeout(acknowledge, (args['delay-ms'] ?? 0) * records.length);
  });
  stream.on('error', () => {}).on('status', ({ metadata }) =>  // the status says the same as the error, and comes once, after a good end too
    metadata.get('grpc-status-details-bin').some(details => details.includes('ERROR_REASON_PARTNER_TERMINATED'))
    ? answerNotices().then(() => process.exit(0)) : setTimeout(receive, 500));
  stream.write({ add_records: Number(args.window ?? 64), add_bytes: 4 << 20 });
}
process.on('SIGTERM', () => process.exit(0)), receive();
