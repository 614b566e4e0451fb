// The statements of the JavaScript peers, the same for each; the pool of the package pg comes from the peer.
// Statements have names, so that pg prepares them once per connection.

const FEATURE = `id, owner_id AS "ownerId", name, description, status, metadata, category, version,
  created_at AS "createdAt", updated_at AS "updatedAt"`
const USER = 'id, name, email, role, created_at AS "createdAt"'

export const poolOptions = { connectionString: process.env.DATABASE_URL, max: 16 }
export const port = Number(process.env.PORT)
export const host = '127.0.0.1'

export function page(rows, first) {
  const nodes = rows.slice(0, first)
  const last = nodes.at(-1)
  const cursor = last && Buffer.from(`${last.createdAt.toISOString()}|${last.id}`).toString('base64url')
  return { nodes, pageInfo: { hasNextPage: rows.length > first, endCursor: cursor ?? null } }
}

export function database(pool) {
  async function query(name, text, values, client = pool) {
    return (await client.query({ name, text, values })).rows
  }

  return {
    async feature(id) {
      return (await query('feature', `SELECT ${FEATURE} FROM features WHERE id = $1`, [id]))[0] ?? null
    },

    async features(first) {
      const text = `SELECT ${FEATURE} FROM features ORDER BY created_at DESC, id DESC LIMIT $1`
      return page(await query('features', text, [first + 1]), first)
    },

    // One user per id, in the order of the ids.
    async users(ids) {
      const rows = await query('users', `SELECT ${USER} FROM users WHERE id = ANY($1::uuid[])`, [[...new Set(ids)]])
      const found = new Map(rows.map((row) => [row.id, row]))
      return ids.map((id) => found.get(id) ?? null)
    },

    // One page of newest entries per feature, in the order of the ids.
    async entries(ids, first) {
      const text = `SELECT entry.* FROM unnest($1::uuid[]) AS key (id) CROSS JOIN LATERAL (
          SELECT id, feature_id AS "featureId", actor_id AS "actorId", action, version, created_at AS "createdAt"
          FROM audit_entries WHERE feature_id = key.id ORDER BY created_at DESC, audit_entries.id DESC LIMIT $2) AS entry`
      const found = new Map(ids.map((id) => [id, []]))
      for (const row of await query('entries', text, [ids, first + 1])) found.get(row.featureId).push(row)
      return ids.map((id) => page(found.get(id), first))
    },

    async createFeature({ ownerId, name, description, metadata }) {
      const client = await pool.connect()
      try {
        await client.query('BEGIN')
        const insert = `INSERT INTO features (id, owner_id, name, description, status, metadata, version, created_at,
            updated_at) VALUES (uuidv7(), $1, $2, $3, 'ACTIVE', $4, 1, now(), now()) RETURNING ${FEATURE}`
        const [feature] = await query('create', insert, [ownerId, name, description, metadata ?? {}], client)
        const entry = `INSERT INTO audit_entries (id, feature_id, owner_id, actor_id, action, version, changed_fields,
            new_values, metadata, created_at)
            VALUES (uuidv7(), $1, $2, $2, 'CREATE', 1, '{name,description,status,metadata}', $3, '{}', now())`
        const values = { name, description, status: feature.status, metadata: feature.metadata }
        await query('log', entry, [feature.id, ownerId, values], client)
        await client.query('COMMIT')
        return feature
      } catch (error) {
        await client.query('ROLLBACK')
        throw error
      } finally {
        client.release()
      }
    },
  }
}
