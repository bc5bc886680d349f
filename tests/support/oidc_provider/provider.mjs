// The certified OpenID provider on loopback, with accounts that a test changes while it runs.
//
// Settings come as JSON in DOORWARD_PROVIDER: {clients, alg}. Once it listens it prints one line, {"port": N}.
// POST /control/accounts sets an account's claims ({sub, claims}) or, with {sub, claims: null}, removes it, after which
// its refresh tokens are refused. POST /control/silence with {silent: true} makes the token endpoint answer 503.

import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';

import * as oidc from 'oidc-provider';

const settings = JSON.parse(process.env.DOORWARD_PROVIDER ?? '{}');
const accounts = new Map();
let silent = false;

function jwk(kind, options, alg) {
  const { privateKey } = generateKeyPairSync(kind, options);
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg, kid: `${alg}-1` };
}

const jwks = {
  keys: [
    jwk('rsa', { modulusLength: 2048 }, 'RS256'),
    jwk('rsa', { modulusLength: 2048 }, 'PS256'),
    jwk('ec', { namedCurve: 'P-256' }, 'ES256'),
    jwk('ed25519', {}, 'EdDSA'),
  ],
};

function body(request) {
  return new Promise((resolve, reject) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => resolve(JSON.parse(Buffer.concat(chunks).toString())));
    request.on('error', reject);
  });
}

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  const algorithms = ['RS256', 'PS256', 'ES256', 'EdDSA'];
  const provider = new oidc.Provider(`http://127.0.0.1:${port}`, {
    clients: settings.clients,
    jwks,
    cookies: { keys: ['of no use elsewhere'] },
    // Claims stand in the ID token unless a test wants them at the userinfo endpoint alone.
    conformIdTokenClaims: settings.userinfo_only === true,
    scopes: ['openid', 'offline_access', 'profile', 'email', 'groups'],
    claims: {
      openid: ['sub'],
      profile: ['preferred_username', 'name', 'department'],
      email: ['email', 'email_verified'],
      groups: ['groups'],
    },
    enabledJWA: {
      idTokenSigningAlgValues: algorithms,
    },
    features: {
      devInteractions: { enabled: true },
      deviceFlow: { enabled: true },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: { enabled: true },
      userinfo: { enabled: true },
    },
    ttl: { DeviceCode: 60 },
    // The provider itself refuses to call private addresses, rightly; here everything is on loopback.
    fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
    async findAccount(_, sub) {
      const found = accounts.get(sub);
      return found && { accountId: sub, claims: async () => ({ sub, ...found }) };
    },
  });
  const answer = provider.callback();
  server.on('request', async (request, response) => {
    if (request.url === '/control/accounts') {
      const { sub, claims } = await body(request);
      if (claims === null) accounts.delete(sub);
      else accounts.set(sub, claims);
      response.writeHead(204).end();
    } else if (request.url === '/control/silence') {
      silent = (await body(request)).silent;
      response.writeHead(204).end();
    } else if (silent && request.url === '/token') {
      response.writeHead(503).end();
    } else {
      answer(request, response);
    }
  });
  process.stdout.write(`${JSON.stringify({ port })}\n`);
});
