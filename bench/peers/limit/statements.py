"""One statement per workload, which answers with the whole response's text.

Objects are put together as text: with json_build_object inside json_agg PostgreSQL needs twice the time. Times and
free text go through to_json, which escapes; ids and words from a CHECK need no escaping.
"""

PERSON = """'{{"id":"' || {0}.id || '","name":' || to_json({0}.name) || '}}'"""


def _brief(feature: str, owner: str) -> str:
    """The fields that W1 and W4 ask for."""
    return f"""'{{"id":"' || {feature}.id || '","name":' || to_json({feature}.name) || ',"status":"' || {feature}.status
        || '","version":' || {feature}.version || ',"createdAt":' || to_json({feature}.created_at)
        || ',"owner":' || {PERSON.format(owner)} || '}}'"""


FEATURE = f"""
SELECT '{{"data":{{"feature":' || coalesce((
    SELECT {_brief("feature", "owner")}
    FROM features AS feature JOIN users AS owner ON owner.id = feature.owner_id WHERE feature.id = $1::text::uuid
), 'null') || '}}}}'
"""


def _newest(count: int) -> str:
    """In their places. A LIMIT that is a constant plans better than a parameter."""
    return f"""(
    SELECT *, row_number() OVER (ORDER BY created_at DESC, id DESC) AS place
    FROM features ORDER BY created_at DESC, id DESC LIMIT {count}
)"""


_TRAIL = f"""array_to_string(array(
    SELECT '{{"id":"' || entry.id || '","action":"' || entry.action || '","createdAt":' || to_json(entry.created_at)
        || ',"actor":' || {PERSON.format("actor")} || '}}'
    FROM audit_entries AS entry JOIN users AS actor ON actor.id = entry.actor_id
    WHERE entry.feature_id = feature.id ORDER BY entry.created_at DESC, entry.id DESC LIMIT 5
), ',')"""

# Twenty, and one more to know whether there are more.
TRAILS = f"""
SELECT '{{"data":{{"features":{{"nodes":['
    || coalesce(string_agg(fields, ',' ORDER BY place) FILTER (WHERE place <= 20), '')
    || '],"pageInfo":{{"hasNextPage":' || (count(*) > 20)
    || ',"endCursor":' || coalesce('"' || (array_agg(cursor ORDER BY place))[least(20, count(*))] || '"', 'null')
    || '}}}}}}}}'
FROM (
    SELECT place, (extract(epoch FROM feature.created_at) * 1000000)::bigint || '_' || feature.id AS cursor,
        '{{"id":"' || feature.id || '","name":' || to_json(feature.name) || ',"status":"' || feature.status
            || '","owner":' || {PERSON.format("owner")}
            || ',"auditEntries":{{"nodes":[' || {_TRAIL} || ']}}}}' AS fields
    FROM {_newest(21)} AS feature JOIN users AS owner ON owner.id = feature.owner_id
) AS page
"""

FEATURES = f"""
SELECT '{{"data":{{"features":{{"nodes":[' || coalesce(string_agg(
    '{{"id":"' || id || '","name":' || to_json(name)
        || ',"description":' || coalesce(to_json(description)::text, 'null')
        || ',"status":"' || status || '","version":' || version
        || ',"category":' || coalesce(to_json(category)::text, 'null')
        || ',"createdAt":' || to_json(created_at) || ',"updatedAt":' || to_json(updated_at) || '}}',
    ',' ORDER BY place), '') || ']}}}}}}'
FROM {_newest(100)} AS feature
"""

CREATE = f"""
WITH feature AS (
    INSERT INTO features (id, owner_id, name, description, status, metadata, version, created_at, updated_at)
    VALUES (uuidv7(), $1::text::uuid, $2, $3, 'ACTIVE', $4::text::jsonb, 1, now(), now()) RETURNING *
), logged AS (
    INSERT INTO audit_entries (id, feature_id, owner_id, actor_id, action, version, changed_fields, new_values,
        metadata, created_at)
    SELECT uuidv7(), id, owner_id, owner_id, 'CREATE', 1, '{{name,description,status,metadata}}', jsonb_build_object(
        'name', name, 'description', description, 'status', status, 'metadata', metadata), '{{}}', now() FROM feature
)
SELECT '{{"data":{{"createFeature":{{"feature":' || {_brief("feature", "owner")} || '}}}}}}'
FROM feature JOIN users AS owner ON owner.id = feature.owner_id
"""
