// A partner's webhook in Node.js: an HTTPS server that takes records as Standard Webhooks, answers the challenge, stores and acknowledges.
import { createPublicKey, verify } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Webhook } from 'standardwebhooks';

const options = ['port', 'cert', 'key', 'partner', 'folder', 'secret-file', 'gateway-ca', 'rehearsal-file', 'decryption-key'];
const { values: args } = parseArgs({ options: Object.fromEntries(options.map(name => [name, { type: 'string' }])) });
mkdirSync(args.folder, { recursive: true });

// "whsec_..." is a shared secret for scheme v1; "whpk_..." the gateway's Ed25519 public key for v1a, which the library does not know.
function checkSignature(body, headers) {
  const secret = readFileSync(args['secret-file'], 'utf8').trim();
  if (secret.startsWith('whsec_')) return new Webhook(secret).verify(body, headers, { jsonParse: false });
  const { 'webhook-id': id, 'webhook-timestamp': seconds, 'webhook-signature': signatures } = headers;
  if (!(Math.abs(Date.now() / 1000 - Number(seconds)) < 300)) throw new Error('too old, or too new');
  const x = Buffer.from(secret.slice('whpk_'.length), 'base64').toString('base64url');
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  const good = signatures.split(' ').map(one => one.split(',')).some(([scheme, signature]) =>
    scheme === 'v1a' && verify(null, Buffer.from(`${id}.${seconds}.${body}`), key, Buffer.from(signature, 'base64')));
  if (!good) throw new Error('no signature is the gateway\'s');
}

// What is signed is what was sent: the signature first, then the decryption. Only the agreement and the cipher that the contract speaks of.
async function open(body, headers) {
  checkSignature(body, headers);
  if (!args['decryption-key']) return JSON.parse(body);
  if (headers['content-type'] !== 'application/jose') throw new Error('not encrypted');
  const { compactDecrypt, importPKCS8 } = await import('jose');
  const key = await importPKCS8(readFileSync(args['decryption-key'], 'utf8'), 'ECDH-ES');
  const { plaintext } = await compactDecrypt(body, key, { keyManagementAlgorithms: ['ECDH-ES'], contentEncryptionAlgorithms: ['A256GCM'] });
  return JSON.parse(new TextDecoder().decode(plaintext));
}

function answer(event) {
  if (event.type === 'endpoint.challenge') {
    if (event.challenge.partner !== args.partner) return [404];
    return [200, JSON.stringify({ partner: args.partner, challenge: event.challenge.challenge })];
  }
  // To rehearse trouble: "503 30" is maintenance for 30 s, "410" the end of the endpoint, "0" no answer at all.
  const [status, retryAfter] = args['rehearsal-file'] && existsSync(args['rehearsal-file'])
    ? readFileSync(args['rehearsal-file'], 'utf8').trim().split(' ').map(Number) : [200];
  if (status !== 200) return [status, '', retryAfter];
  const { disclosure, handle, record } = event.record;
  const name = Buffer.from(handle, 'base64').toString('hex') + '-' + disclosure.split('/').pop();
  writeFileSync(join(args.folder, name), JSON.stringify(record));  // the same file for a repeated event
  return [200];
}

const tls = { cert: readFileSync(args.cert), key: readFileSync(args.key) };
if (args['gateway-ca']) Object.assign(tls, { ca: readFileSync(args['gateway-ca']), requestCert: true, rejectUnauthorized: true });
createServer(tls, (request, response) => {
  const chunks = [];
  request.on('data', chunk => chunks.push(chunk)).on('end', async () => {
    const body = Buffer.concat(chunks).toString();
    let [status, content, retryAfter] = [401];
    try {
      const event = await open(body, request.headers);
      [status, content, retryAfter] = answer(event);
      appendFileSync(join(args.folder, 'log.jsonl'), JSON.stringify({ status, path: request.url, headers: request.headers, event, ...(args['decryption-key'] && { body }) }) + '\n');
    } catch (error) {
      appendFileSync(join(args.folder, 'log.jsonl'), JSON.stringify({ status, refused: error.message }) + '\n');
    }
    if (status === 0) return;
    response.writeHead(status, retryAfter ? { 'retry-after': retryAfter } : {}).end(content);
  });
}).listen(Number(args.port), '127.0.0.1', function () { console.log(`listening on ${this.address().port}`); });
