// An OpenID provider for the acceptance tests, on a free port of the loopback.
//
// It reads one line of JSON from its standard input, {"lifetime": seconds,
// "clients": [...]}, prints the issuer's URL on a line of its own, and ends when
// its standard input does, so that it never outlives the test.
//
// Whoever comes to sign in is ada: the interaction is finished without a page.
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import Provider from 'oidc-provider';

const lines = createInterface({ input: process.stdin });
const options = JSON.parse(await new Promise((ready) => lines.once('line', ready)));
lines.once('close', () => process.exit(0));

const server = createServer();
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const issuer = `http://127.0.0.1:${server.address().port}`;
const seconds = options.lifetime;

const provider = new Provider(issuer, {
  clients: options.clients,
  scopes: ['openid', 'offline_access', 'read', 'write'],
  cookies: { keys: ['acceptance'] },
  ttl: {
    AccessToken: seconds, ClientCredentials: seconds, RefreshToken: 3600, AuthorizationCode: 60,
    Grant: 3600, IdToken: 3600, Interaction: 600, Session: 3600,
  },
  rotateRefreshToken: true,
  pkce: { required: () => false },
  async findAccount(_ctx, id) {
    return { accountId: id, claims: async () => ({ sub: id }) };
  },
  interactions: { url: (_ctx, interaction) => `/sign-in/${interaction.uid}` },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    revocation: { enabled: true, allowedPolicy: () => true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      useGrantedResource: () => true,
      getResourceServerInfo: (_ctx, resource) => ({
        scope: 'read write', audience: resource, accessTokenTTL: seconds, accessTokenFormat: 'jwt',
      }),
    },
  },
});

// Each token request that reaches the provider is counted, with its outcome.
const counts = { granted: 0, refused: 0, revoked: 0 };
provider.on('grant.success', () => { counts.granted += 1; });
provider.on('grant.error', () => { counts.refused += 1; });

async function signIn(req, res) {
  const { params, session } = await provider.interactionDetails(req, res);
  const accountId = session?.accountId ?? 'ada';
  const grant = new provider.Grant({ accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  const consent = { grantId: await grant.save() };
  await provider.interactionFinished(req, res, { login: { accountId }, consent }, { mergeWithLastSubmission: true });
}

const callback = provider.callback();
server.on('request', (req, res) => {
  if (req.url === '/counts') {
    res.setHeader('content-type', 'application/json');
    res.end(JSON.stringify(counts));
  } else if (req.url.startsWith('/sign-in/')) {
    signIn(req, res).catch((err) => { res.statusCode = 500; res.end(String(err)); });
  } else {
    if (req.url.startsWith('/token/revocation')) counts.revoked += 1;
    callback(req, res);
  }
});
console.log(issuer);
