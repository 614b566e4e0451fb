// A real OpenID Connect provider (npm oidc-provider) whose login page takes anybody at their word: whoever says `ada` is
// the subject `ada`. Started with ISSUER, CLIENT_SECRET and REDIRECT_URI; says `ready` once it listens.
import Provider from 'oidc-provider';

const { ISSUER, CLIENT_SECRET, REDIRECT_URI } = process.env;
const groups = { ada: ['feature-admins', 'staff'], uma: ['staff'], eve: ['strangers'] };

const provider = new Provider(ISSUER, {
  clients: [
    {
      client_id: 'feature-api',
      client_secret: CLIENT_SECRET,
      redirect_uris: [REDIRECT_URI],
      response_types: ['code'],
      grant_types: ['authorization_code'],
    },
  ],
  claims: { openid: ['sub'], profile: ['name', 'groups'], email: ['email', 'email_verified'] },
  cookies: { keys: ['a key of this test alone'] },
  features: { devInteractions: { enabled: true } },
  pkce: { required: () => true },
  async findAccount(context, id) {
    return {
      accountId: id,
      async claims() {
        const name = id[0].toUpperCase() + id.slice(1);
        return { sub: id, name, email: `${id}@example.org`, email_verified: id !== 'uma', groups: groups[id] ?? [] };
      },
    };
  },
});

provider.listen(Number(new URL(ISSUER).port), '127.0.0.1', () => console.log('ready'));
