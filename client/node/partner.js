// A partner in Node.js: receives records, stores them under their handle, acknowledges, and on notice deletes and attests.
import { createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { appendFileSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';
import protobuf from 'protobufjs';

const options = ['address', 'cert', 'key', 'ca', 'partner', 'folder', 'attestation-key', 'notice-key', 'window', 'delay-ms'];
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
async function answer({ name, envelope: { payload_type, payload, signatures } }) {  // verify, delete by handle, attest every handle
  const signed = signatures.some(s => verify(null, preAuth(noticeType, payload), createPublicKey(readFileSync(args['notice-key'])), s.signature));
  const notice = signed && payload_type === noticeType ? Notice.decode(payload) : {};
  if (notice.notice !== name || notice.partner !== partner) throw new Error(`${name}: not signed by the gateway for this partner`);
  await call('AcknowledgeDeletionNotice', { name });
  const outcomes = notice.items.map(({ handle }) => {
    const copies = readdirSync(cache).filter(file => file.startsWith(Buffer.from(handle).toString('hex')));
    copies.forEach(file => rmSync(join(cache, file)));
    return { handle, result: copies.length ? 1 : 2 };  // RESULT_DELETED, RESULT_NOT_FOUND
  });
  const statement = Attestation.encode({ notice: name, notice_digest: createHash('sha256').update(payload).digest(), partner, outcomes,
    attest_time: { seconds: Math.floor(Date.now() / 1000), nanos: Date.now() % 1000 * 1000000 } }).finish();
  const signature = sign(null, preAuth(attestationType, statement), createPrivateKey(readFileSync(args['attestation-key'])));
  await call('AttestDeletion', { name, attestation: { payload_type: attestationType, payload: statement, signatures: [{ key_id: 'attestation-1', signature }] } });
}
const again = ['UNAVAILABLE', 'CANCELLED', 'INTERNAL', 'RESOURCE_EXHAUSTED'].map(code => grpc.status[code]);  // reset connections, asked too often
async function answerNotices() {
  for (let open = true; open; await new Promise(wait => setTimeout(wait, 100))) {
    try {
      const page = await call('ListDeletionNotices', { open_only: true });
      for (const notice of page.notices) await answer(notice);
      open = page.enumerating || page.notices.length > 0;
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
