// An authorization server made of the library @node-oauth/oauth2-server, for the
// acceptance tests, on a free port of the loopback.
//
// It reads one line of JSON from its standard input: {"lifetime": seconds,
// "clients": [{"id", "secret", "grants", "scopes", "accessTokenLifetime",
// "refreshTokenLifetime"}]}. It prints its URL on a line of its own, and ends when
// its standard input does, so that it never outlives the test.
//
// The library has no store, so the model below keeps everything in memory. Whoever
// comes to sign in is ada, whose password is "lovelace". The client "broken" makes
// the model fail.
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import OAuth2Server from '@node-oauth/oauth2-server';

const lines = createInterface({ input: process.stdin });
const options = JSON.parse(await new Promise((ready) => lines.once('line', ready)));
lines.once('close', () => process.exit(0));

const ada = { id: 'ada' };
const codes = new Map();
const access = new Map();
const refresh = new Map();

// The scopes that a client may have; undefined asks for none.
const allowedScopes = (client, scope = []) => scope.every((s) => client.scopes.includes(s)) && scope;

const model = {
  // The authorization endpoint passes null for the secret: it authenticates nobody.
  async getClient(id, secret) {
    if (id === 'broken') throw new Error('the model is broken');
    const client = options.clients.find((c) => c.id === id);
    if (!client || (secret !== null && secret !== client.secret)) return null;
    return { ...client, redirectUris: ['http://127.0.0.1/'] }; // see validateRedirectUri
  },
  async validateRedirectUri(uri) {
    return ['127.0.0.1', 'localhost'].includes(new URL(uri).hostname);
  },
  async getUser(name, password) { return name === 'ada' && password === 'lovelace' ? ada : null; },
  async getUserFromClient(client) { return { id: client.id }; },
  async validateScope(_user, client, scope) { return allowedScopes(client, scope); },
  async saveAuthorizationCode(code, client, user) {
    codes.set(code.authorizationCode, { ...code, client, user });
    return codes.get(code.authorizationCode);
  },
  async getAuthorizationCode(code) { return codes.get(code); },
  async revokeAuthorizationCode(code) { return codes.delete(code.authorizationCode); },
  async saveToken(token, client, user) {
    const saved = { ...token, client, user };
    access.set(token.accessToken, saved);
    if (token.refreshToken) refresh.set(token.refreshToken, saved);
    return saved;
  },
  async getAccessToken(token) { return access.get(token); },
  async getRefreshToken(token) { return refresh.get(token); },
  async revokeToken(token) { return refresh.delete(token.refreshToken); },
};

const oauth = new OAuth2Server({
  model,
  accessTokenLifetime: options.lifetime,
  refreshTokenLifetime: 3600,
  authenticateHandler: { handle: () => ada },
  // Public clients renew without a secret; the model refuses a missing one of others.
  requireClientAuthentication: { refresh_token: false },
});

const counts = { granted: 0, refused: 0, errors: {} };
async function token(request, response) {
  try {
    await oauth.token(request, response);
    counts.granted += 1;
  } catch (err) {
    counts.refused += 1;
    counts.errors[err.name] = (counts.errors[err.name] ?? 0) + 1;
    throw err;
  }
}

const routes = {
  '/token': token,
  '/authorize': (request, response) => oauth.authorize(request, response),
  // Whom the token of the request speaks for, as the library says.
  '/whoami': async (request, response) => {
    const { user } = await oauth.authenticate(request, response);
    response.body = { sub: user.id };
  },
  '/counts': async (_request, response) => { response.body = counts; },
};

async function bodyOf(req) {
  let text = '';
  for await (const chunk of req) text += chunk;
  return Object.fromEntries(new URLSearchParams(text));
}

// The library changes response, also where it throws: then an answer without a body
// gets that of the error.
async function answer(req, res) {
  const url = new URL(req.url, 'http://127.0.0.1');
  const request = new OAuth2Server.Request({
    method: req.method, headers: req.headers, query: Object.fromEntries(url.searchParams),
    body: await bodyOf(req),
  });
  const response = new OAuth2Server.Response({});
  try {
    await routes[url.pathname](request, response);
  } catch (err) {
    const isRedirect = response.status === 302;
    if (!isRedirect) response.status = err.code ?? 500;
    if (!isRedirect) response.body = { error: err.name, error_description: err.message };
  }
  res.writeHead(response.status ?? 200, { ...response.headers, 'content-type': 'application/json' });
  res.end(JSON.stringify(response.body ?? {}));
}

const server = createServer((req, res) => {
  answer(req, res).catch((err) => { res.statusCode = 500; res.end(String(err)); });
});
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
console.log(`http://127.0.0.1:${server.address().port}`);
