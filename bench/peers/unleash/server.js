// Unleash as it is run: an administrator's token is asked for; no request is logged, and no limit is reached.
import { start } from 'unleash-server'

await start({
  databaseUrl: process.env.DATABASE_URL,
  db: { ssl: false, pool: { min: 0, max: 16 } },
  server: { host: '127.0.0.1', port: Number(process.env.PORT), enableRequestLogger: false },
  logLevel: 'warn',
  telemetry: false,
  versionCheck: { enable: false },
  authentication: {
    type: 'open-source',
    createAdminUser: false,
    initApiTokens: [
      { environment: '*', projects: ['*'], secret: process.env.TOKEN, type: 'admin', tokenName: 'bench' },
    ],
  },
  resourceLimits: { featureFlags: 1e9 },
  rateLimiting: { searchFeaturesMaxPerMinute: 1e9, tokenAuthenticationMaxPerMinute: 1e9 },
})
