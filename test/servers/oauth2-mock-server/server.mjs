// The npm package oauth2-mock-server for the acceptance tests, on a free port of the
// loopback.
//
// It reads one line of JSON from its standard input: {"tls": {"cert", "key"}} with
// the names of files, or {}. It prints the issuer's URL on a line of its own, and ends
// when its standard input does, so that it never outlives the test.
//
// A POST to /change has the change of the next answers (see MockChange in
// mockserver.go), which the events of the package make. Everybody who comes to sign
// in is johndoe, and the package checks no client.
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { readFileSync } from 'node:fs';
import { HttpServer, OAuth2Issuer, OAuth2Service } from 'oauth2-mock-server';

const lines = createInterface({ input: process.stdin });
const options = JSON.parse(await new Promise((ready) => lines.once('line', ready)));
lines.once('close', () => process.exit(0));

const issuer = new OAuth2Issuer();
await issuer.keys.generate('RS256', { kid: 'mock' });
const service = new OAuth2Service(issuer);

let change = {};
const seen = { token: 0, revoke: 0, authorize: 0 };

// take returns the change, which counts for as many answers of the token endpoint as
// it says; zero is all.
function take() {
  const current = change;
  if (change.times > 0) {
    change.times -= 1;
    if (change.times === 0) change = {};
  }
  return current;
}

service.on('beforeResponse', (answer) => {
  const now = take();
  if (now.status) answer.statusCode = now.status;
  if (now.replace !== undefined) answer.body = now.replace ?? undefined;
  Object.assign(answer.body ?? {}, now.set);
  for (const name of now.drop ?? []) delete answer.body[name];
});
service.on('beforeTokenSigning', (token) => {
  const isIDToken = token.payload.aud !== undefined && token.payload.amr === undefined;
  if (isIDToken) Object.assign(token.payload, change.idToken);
});
service.on('beforeAuthorizeRedirect', ({ url }) => {
  for (const [name, value] of Object.entries(change.redirect ?? {})) {
    if (value === null) url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
});
service.on('beforeRevoke', (answer) => {
  if (change.revoke) answer.statusCode = change.revoke;
});

async function textOf(req) {
  let text = '';
  for await (const chunk of req) text += chunk;
  return text;
}

async function handle(req, res) {
  const path = req.url.split('?')[0];
  if (path === '/change') {
    change = JSON.parse(await textOf(req));
    res.end();
  } else if (path === '/seen') {
    res.setHeader('content-type', 'application/json');
    res.end(JSON.stringify(seen));
  } else {
    const name = path.slice(1);
    if (name in seen) seen[name] += 1;
    if (path === '/token' && change.delay) await sleep(change.delay);
    service.requestHandler(req, res);
  }
}

const pair = options.tls
  && { cert: readFileSync(options.tls.cert), key: readFileSync(options.tls.key) };
const server = new HttpServer((req, res) => {
  handle(req, res).catch((err) => { res.statusCode = 500; res.end(String(err)); });
}, pair);
await server.start(0, '127.0.0.1');
issuer.url = server.buildIssuerUrl('127.0.0.1', server.address().port); // it says localhost
console.log(issuer.url);
