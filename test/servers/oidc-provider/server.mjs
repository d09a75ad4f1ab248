// An OpenID provider for the acceptance tests, on a free port of the loopback.
//
// It reads one line of JSON from its standard input: {"lifetime": seconds,
// "clients": [...], "tls": {"cert", "key", "ca"} or none, "nonces": bool,
// "pages": bool, "skew": seconds}. It prints the issuer's URL on a line of its
// own, and ends when its standard input does, so that it never outlives the test.
//
// Whoever comes to sign in is ada. Without pages the interaction is finished at
// once, with a refusal for the login_hint "nobody"; with pages a person decides.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { createInterface } from 'node:readline';
import Provider from 'oidc-provider';
import { confirmPage, donePage, inputPage, signInPage } from './pages.mjs';

const lines = createInterface({ input: process.stdin });
const options = JSON.parse(await new Promise((ready) => lines.once('line', ready)));
lines.once('close', () => process.exit(0));
if (options.skew) setClock(options.skew);

// A client's certificate is asked for and judged by the provider: those of
// self_signed_tls_client_auth have no issuer that anybody knows.
const server = options.tls
  ? createSecureServer({ ...options.tls, requestCert: true, rejectUnauthorized: false })
  : createServer();
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const issuer = `${options.tls ? 'https' : 'http'}://127.0.0.1:${server.address().port}`;
const seconds = options.lifetime;

const provider = new Provider(issuer, {
  clients: options.clients,
  scopes: ['openid', 'offline_access', 'read', 'write'],
  cookies: { keys: ['acceptance'] },
  jwks: { keys: [key('ec', { namedCurve: 'P-256' }, 'ES256'), key('rsa', { modulusLength: 2048 }, 'RS256')] },
  ttl: {
    AccessToken: seconds, ClientCredentials: seconds, RefreshToken: 3600, AuthorizationCode: 60, DeviceCode: 600,
    Grant: 3600, IdToken: 3600, Interaction: 3600, Session: 3600,
  },
  rotateRefreshToken: true,
  issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
  pkce: { required: (_ctx, client) => client.clientAuthMethod === 'none' },
  clientAuthMethods: [
    'client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt',
    'tls_client_auth', 'self_signed_tls_client_auth', 'none',
  ],
  enabledJWA: { dPoPSigningAlgValues: ['ES256', 'EdDSA', 'RS256', 'PS256'] },
  async findAccount(_ctx, id) {
    return { accountId: id, claims: async () => ({ sub: id }) };
  },
  interactions: { url: (_ctx, interaction) => `/sign-in/${interaction.uid}` },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    revocation: { enabled: true, allowedPolicy: () => true },
    deviceFlow: {
      enabled: true, userCodeInputSource: inputPage, userCodeConfirmSource: confirmPage, successSource: donePage,
    },
    dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => options.nonces === true },
    mTLS: {
      enabled: true,
      certificateBoundAccessTokens: true,
      tlsClientAuth: true,
      selfSignedTlsClientAuth: true,
      getCertificate: (ctx) => ctx.socket.getPeerX509Certificate?.(),
      certificateAuthorized: (ctx) => ctx.socket.authorized === true,
      certificateSubjectMatches: (ctx, property, expected) => property === 'tls_client_auth_subject_dn'
        && ctx.socket.getPeerX509Certificate().subject.split('\n').reverse().join(',') === expected,
    },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      useGrantedResource: () => true,
      getResourceServerInfo: (_ctx, resource) => ({
        scope: 'read write', audience: resource, accessTokenTTL: seconds, accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
});

function key(type, details, alg) {
  return { ...generateKeyPairSync(type, details).privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: alg };
}

// The clock of this process is off by some seconds.
function setClock(skew) {
  const Real = Date;
  globalThis.Date = class extends Real {
    constructor(...given) { super(...(given.length ? given : [Real.now() + skew * 1000])); }

    static now() { return Real.now() + skew * 1000; }
  };
}

// Each token request that reaches the provider is counted, with its outcome. A
// code or refresh token that comes again ends all that was granted with it.
const counts = { requests: 0, granted: 0, refused: 0, revoked: 0, signIns: 0, reused: 0, errors: {} };
provider.on('grant.success', () => { counts.granted += 1; });
provider.on('grant.error', (_ctx, err) => {
  counts.refused += 1;
  counts.errors[err.error] = (counts.errors[err.error] ?? 0) + 1;
  if (/already (used|consumed)/.test(err.error_detail ?? '')) counts.reused += 1;
});

async function signIn(req, res) {
  const { params, prompt, session } = await provider.interactionDetails(req, res);
  const finish = (result) => provider.interactionFinished(req, res, result, { mergeWithLastSubmission: true });
  let accountId = session?.accountId ?? 'ada';
  let allowed = params.login_hint !== 'nobody';
  if (options.pages) {
    if (req.method !== 'POST') {
      res.setHeader('content-type', 'text/html; charset=utf-8');
      res.end(signInPage(params.client_id, prompt.name));
      return;
    }
    const form = await formOf(req);
    allowed = form.get('answer') === 'yes';
    accountId = form.get('user') || accountId;
  }
  if (!allowed) {
    await finish({ error: 'access_denied', error_description: 'The person refused.' });
    return;
  }
  counts.signIns += 1;
  const grant = new provider.Grant({ accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope ?? 'openid');
  for (const resource of [params.resource ?? []].flat()) grant.addResourceScope(resource, 'read write');
  await finish({ login: { accountId }, consent: { grantId: await grant.save() } });
}

async function formOf(req) {
  let text = '';
  for await (const chunk of req) text += chunk;
  return new URLSearchParams(text);
}

const callback = provider.callback();
server.on('request', (req, res) => {
  if (options.skew) res.setHeader('date', new Date().toUTCString());
  if (req.url === '/counts') {
    res.setHeader('content-type', 'application/json');
    res.end(JSON.stringify(counts));
  } else if (req.url.startsWith('/sign-in/')) {
    signIn(req, res).catch((err) => { res.statusCode = 500; res.end(String(err)); });
  } else {
    if (req.url.startsWith('/token/revocation')) counts.revoked += 1;
    else if (req.url.startsWith('/token') && req.method === 'POST' && !req.url.startsWith('/token/')) counts.requests += 1;
    callback(req, res);
  }
});
provider.on('server_error', (_ctx, err) => { console.error(err); });
console.log(issuer);
