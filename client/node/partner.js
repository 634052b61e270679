// A partner in Node.js: receives records, stores them under their handle, acknowledges, and on notice deletes and attests.
import { createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { appendFileSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';
import protobuf from 'protobufjs';

const text = { type: 'string' };
const { values: args } = parseArgs({ options: { address: text, cert: text, key: text, ca: text, partner: text, folder: text,
  'attestation-key': text, 'notice-key': text, window: { type: 'string', default: '64' }, 'delay-ms': { type: 'string', default: '0' } } });
const protoDirs = [join(dirname(fileURLToPath(import.meta.url)), '../../proto'), join(dirname(fileURLToPath(import.meta.url)), '../../proto/node_modules/google-proto-files')];
const api = grpc.loadPackageDefinition(loader.loadSync('postern/v1/partner_service.proto',
  { includeDirs: protoDirs, keepCase: true, longs: Number, defaults: true })).postern.v1;
const root = new protobuf.Root();
root.resolvePath = (_, target) => target.startsWith('google/protobuf/') ? null : join(protoDirs[target.startsWith('google/') ? 1 : 0], target);
await root.load('postern/v1/deletion.proto', { keepCase: true });
const Notice = root.lookupType('postern.v1.DeletionNoticeStatement');
const Attestation = root.lookupType('postern.v1.DeletionAttestationStatement');

const stub = new api.PartnerService(args.address, grpc.credentials.createSsl(readFileSync(args.ca), readFileSync(args.key), readFileSync(args.cert)));
const call = (method, request) => new Promise((done, fail) => stub[method](request, (error, reply) => error ? fail(error) : done(reply)));
const cache = join(args.folder, 'cache');
mkdirSync(cache, { recursive: true });

function store(record) {  // the transcript is the demo's; the cache is what a notice is about
  const length = Buffer.alloc(4);
  length.writeUInt32BE(record.record.data.length);
  appendFileSync(join(args.folder, 'received.bin'), Buffer.concat([length, record.record.data]));
  appendFileSync(join(args.folder, 'received.tsv'), `${record.disclosure}\t${BigInt(Date.now()) * 1000000n}\t${record.record.type}\n`);
  writeFileSync(join(cache, `${record.handle.toString('hex')}-${record.disclosure.split('/').pop()}`), record.record.data);
}

const preAuth = (type, payload) => Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.length} `), payload]);

async function answer(notice) {  // verify the gateway's signature, delete by handle, attest every handle
  const { payload_type: type, payload, signatures } = notice.envelope;
  if (!signatures.some(s => verify(null, preAuth(type, payload), createPublicKey(readFileSync(args['notice-key'])), s.signature))) throw new Error('notice not signed by the gateway');
  await call('AcknowledgeDeletionNotice', { name: notice.name });
  const outcomes = Notice.decode(payload).items.map(item => {
    const copies = readdirSync(cache).filter(file => file.startsWith(Buffer.from(item.handle).toString('hex')));
    copies.forEach(file => rmSync(join(cache, file)));
    return { handle: item.handle, result: copies.length ? 1 : 2 };  // RESULT_DELETED, RESULT_NOT_FOUND
  });
  const attestType = 'application/vnd.postern.deletion-attestation.v1+protobuf';
  const statement = Buffer.from(Attestation.encode({ notice: notice.name, notice_digest: createHash('sha256').update(payload).digest(),
    partner: `partners/${args.partner}`, attest_time: { seconds: Math.floor(Date.now() / 1000), nanos: Date.now() % 1000 * 1000000 }, outcomes }).finish());
  const signature = sign(null, preAuth(attestType, statement), createPrivateKey(readFileSync(args['attestation-key'])));
  await call('AttestDeletion', { name: notice.name, attestation: { payload_type: attestType, payload: statement, signatures: [{ key_id: 'attestation-1', signature }] } });
}

// What grpc-js makes of a connection that was reset, depending on whether it was reading or writing: termination resets it. The last
// one is a gateway that was asked too often.
const again = [grpc.status.UNAVAILABLE, grpc.status.CANCELLED, grpc.status.INTERNAL, grpc.status.RESOURCE_EXHAUSTED];

async function answerNotices() {
  for (;; await new Promise(wait => setTimeout(wait, 100))) {
    try {
      const page = await call('ListDeletionNotices', { open_only: true });
      for (const notice of page.notices) await answer(notice);
      if (!page.enumerating && !page.next_page_token && page.notices.length === 0) return;
    } catch (error) {
      if (!again.includes(error.code)) throw error;
    }
  }
}

// The reason travels as ErrorInfo in google.rpc.Status; its name in the bytes is enough here.
const terminated = status => status.metadata.get('grpc-status-details-bin').some(d => d.includes('ERROR_REASON_PARTNER_TERMINATED'));

function receive() {
  const stream = stub.Receive();
  stream.on('data', ({ records }) => {
    records.forEach(store);
    if (records.length) setTimeout(() => stream.write({ acknowledged: [{ first: records[0].delivery, last: records.at(-1).delivery }],
      add_records: records.length, add_bytes: records.reduce((sum, r) => sum + r.record.data.length, 0) }), args['delay-ms'] * records.length);
  });
  stream.on('error', () => {});  // the status says the same, and comes once, after a good end too
  stream.on('status', status => terminated(status) ? answerNotices().then(() => process.exit(0)) : setTimeout(receive, 500));
  stream.write({ add_records: Number(args.window), add_bytes: 4 << 20 });
}
process.on('SIGTERM', () => process.exit(0));
receive();
