// The certified OpenID provider "oidc-provider", set up as a municipality might set up its own.
// Usage: node provider.mjs <port> <redirect URI> <sign-out URI> <back-channel URI>; prints "ready"
// when it listens.
// Its built-in development pages take any name and password; it listens on the loopback only.
import Provider from 'oidc-provider';

const [port, redirectUri, signedOutUri, backChannelUri] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const audience = 'urn:kursdocs:api';

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'kursdocs',
      client_secret: 'secret-of-the-test',
      redirect_uris: [redirectUri],
      post_logout_redirect_uris: [signedOutUri],
      backchannel_logout_uri: backChannelUri,
      backchannel_logout_session_required: true,
      grant_types: ['authorization_code'],
      response_types: ['code'],
    },
    {
      client_id: 'vhs-musterstadt',
      client_secret: 'secret-of-the-program',
      redirect_uris: [],
      grant_types: ['client_credentials'],
      response_types: [],
    },
  ],
  cookies: { keys: ['a key for cookies that live as long as one test'] },
  pkce: { required: () => true },
  // Groups belong in the id token; the standard's default is the userinfo endpoint.
  conformIdTokenClaims: false,
  claims: { openid: ['sub'], profile: ['name'], groups: ['groups'] },
  scopes: ['openid', 'profile', 'email', 'groups'],
  findAccount: (_ctx, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: 'Amina Muster', groups: ['vhs-musterstadt:clerk'] }),
  }),
  // Its guard against calls to the loopback hangs on the dispatcher; here the loopback is all there is.
  fetch: (url, { dispatcher, ...options }) => fetch(url, options),
  features: {
    clientCredentials: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    backchannelLogout: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: (ctx) =>
        ctx.oidc.params?.grant_type === 'client_credentials' ? audience : undefined,
      getResourceServerInfo: () => ({
        audience,
        scope: '',
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
});

provider.listen(Number(port), '127.0.0.1', () => console.log('ready'));
